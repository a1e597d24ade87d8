"""A JAX model as a function on the host, for batches of any size."""

from collections.abc import Callable

import jax
import numpy as np

from robust_jax.types import LogitsFn

# A batch is cut into pieces of these sizes; only the last one is padded.
_SIZES = (512, 128, 32, 8)


def on_host(logits_fn: LogitsFn) -> Callable[[np.ndarray], np.ndarray]:
  """`logits_fn` from numpy to numpy, compiled for four batch sizes at most.

  Batches whose size changes from call to call, as those of black-box attacks
  do, would compile a program for every size.

  A `jax.tree_util.Partial`, such as `frozen` makes, shares its programs with
  every other of the same function and shapes.

  Args:
    logits_fn: x `[B, ...]` in [0, 1] -> logits `[B, K]`.

  Returns:
    images `[N, ...]` -> logits `[N, K]` float32, N = 0 excepted.
  """
  if not isinstance(logits_fn, jax.tree_util.Partial):
    logits_fn = jax.tree_util.Partial(logits_fn)

  def predict(images: np.ndarray) -> np.ndarray:
    logits, start = [], 0
    while start < len(images):
      left = len(images) - start
      size = next((s for s in _SIZES if s <= left), _SIZES[-1])
      piece = images[start : start + size]
      padding = [(0, size - len(piece))] + [(0, 0)] * (piece.ndim - 1)
      answer = _call(logits_fn, np.pad(piece, padding, mode="edge"))
      logits.append(np.asarray(answer, np.float32)[: len(piece)])
      start += size
    return np.concatenate(logits)

  return predict


@jax.jit
def _call(logits_fn, x):
  return logits_fn(x)
