"""Arrays with a row for each example, computed by batches and resumable."""

import pathlib
import time
from collections.abc import Callable, Mapping

import numpy as np

from robust_jax import saved_state
from robust_jax.training.progress import Progress

_SECONDS = "seconds"


def by_batches(
  title: str,
  compute: Callable[[int, np.ndarray], Mapping[str, np.ndarray]],
  num_examples: int,
  batch_size: int,
  save_to: pathlib.Path,
  question: Mapping[str, str],
  *,
  keep_results: bool = False,
) -> tuple[dict[str, np.ndarray], float]:
  """Calls `compute` batch by batch, and saves what it has after each.

  Args:
    title: of the progress bar.
    compute: `(index of the batch, rows [B]) -> arrays [B, ...]` by name, for
      the examples of these rows. All batches have `batch_size` rows; those that
      the last one lacks are repeated, and their results dropped.
    num_examples: number of examples N, 1 or more.
    batch_size: B.
    save_to: `.npz` file from which an interrupted call continues.
    question: digests of all that the result depends on, see `saved_state`.
    keep_results: whether finished results of another question in `save_to` are
      refused, as its unfinished ones always are, and not replaced.

  Returns:
    The arrays `[N, ...]`, and the seconds that all calls together took.

  Raises:
    ValueError: `save_to` belongs to another question.
  """
  question = {**question, "batch_size": str(batch_size)}
  found = saved_state.restore(save_to, question) or {}
  seconds = float(found.pop(_SECONDS, 0))
  rows_done = len(next(iter(found.values()), ()))
  done = -(-rows_done // batch_size)
  starts = range(0, num_examples, batch_size)
  with Progress(title, len(starts), done) as bar:
    for i, start in list(enumerate(starts))[done:]:
      began = time.monotonic()
      rows = np.arange(start, min(start + batch_size, num_examples))
      new = compute(i, np.resize(rows, batch_size))
      for name, values in new.items():
        earlier = (found[name],) if name in found else ()
        found[name] = np.concatenate([*earlier, values[: len(rows)]])
      seconds += time.monotonic() - began
      saved_state.save(
        save_to,
        question,
        {**found, _SECONDS: np.array(seconds)},
        finished=i + 1 == len(starts) and not keep_results,
      )
      bar.update(i + 1)
  return found, seconds
