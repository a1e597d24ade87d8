"""Suites: attacks in sequence, each on the examples not yet misclassified."""

import functools
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from robust_jax import checks, parallel
from robust_jax.attacks.autoattack._stage_fingerprint import stage_fingerprint
from robust_jax.attacks.autoattack.stage import (
  Check,
  Stage,
  StageProgram,
  batch_sizes,
  cost,
  has_two_sizes,
  pack,
)
from robust_jax.attacks.autoattack.suite_state import SuiteState
from robust_jax.attacks.standalone import check_call
from robust_jax.compile_ahead import compile_ahead
from robust_jax.types import AnyArray, Attack, Key, Model


def single_round_stage(name: str, attack: Attack) -> Stage:
  """A stage with one round, which runs the attack as it is.

  Args:
    name: name in reports.
    attack: the attack.
  """

  def one_round(key, logits_fn, x, labels, x_now, round_index):
    del x_now, round_index
    return attack(key, logits_fn, x, labels)

  return Stage(name, one_round)


class SuiteResult(NamedTuple):
  """Result of a suite.

  Attributes:
    x_adv: `[N, ...]`, the original image where no stage succeeded.
    misclassified_by: `[N]`, 0 where the clean image is misclassified, k where
      the k-th stage succeeded, -1 where none did.
    stages: a dict for the clean images and for each stage, with "name";
      "accuracy" after it; "attacked", the number of images times rounds;
      "forward" and "backward", the total number of passes; "seconds".
  """

  x_adv: np.ndarray
  misclassified_by: np.ndarray
  stages: list[dict[str, Any]]


def accept_any(x: np.ndarray, x_adv: np.ndarray, rows: np.ndarray) -> None:
  """The `Check` of attacks with unlimited changes."""
  del x, x_adv, rows


def run(
  stages: Sequence[Stage],
  key: Key,
  logits_fn: Model,
  x: AnyArray,
  labels: AnyArray,
  *,
  check: Check = accept_any,
  batch_size: int = 128,
  save_to: pathlib.Path | None = None,
  progress: Callable[[str, int, int], None] = lambda name, done, total: None,
  compile_threads: int | None = None,
) -> SuiteResult:
  """Attacks each image until it is misclassified or the stages are over.

  Each stage starts from the original image. An image counts as misclassified if
  the model, evaluated once more on the result, does not predict its label.
  Batches have one of two sizes, on accelerators a single one, so that no
  program is compiled for the number of remaining images, and are spread over
  the devices of this process.

  Args:
    stages: stages in order.
    key: random key. The same key gives the same result, interrupted or not.
    logits_fn: the model. One that is a pytree of its parameters
      (`jax.tree_util.Partial`, `models.inference.inference_fn`) is not compiled
      again for new parameters.
    x: images `[N, ...]` in [0, 1].
    labels: labels `[N]`.
    check: `(x, x_adv, rows)` raises ValueError if a change is not allowed;
      `rows` are the indices of the images among all N.
    batch_size: batch size of the compiled programs.
    save_to: `.npz` file to which the state is saved from time to time. If it
      exists, the run continues from it, provided that it belongs to the same
      run; that of another run is replaced if it has ended.
    progress: called with the name of a stage, the number of finished batches,
      and their total.
    compile_threads: number of threads in which programs of later stages compile
      while earlier ones run, see `compile_ahead`.

  Raises:
    ValueError: images or labels are invalid; a stage does not apply to such
      images or such a model, which is found before any stage runs; logits are
      not finite; an attack left the box or its set; `save_to` belongs to
      another run that has not ended.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import rs_fgsm
    >>> from robust_jax.attacks.autoattack import suite
    >>> stages = [suite.single_round_stage("rs-fgsm", rs_fgsm(0.125))]
    >>> x = jnp.array([[0.6, 0.4], [0.9, 0.1], [0.1, 0.9]])
    >>> y = jnp.zeros(3, int)
    >>> result = suite.run(stages, jax.random.key(0), lambda x: x, x, y)
    >>> result.misclassified_by, [s["accuracy"] for s in result.stages]
    (array([ 1, -1,  0]), [0.6666666666666667, 0.33333333333333337])
  """
  checks.not_traced("a suite of attacks", (key, logits_fn, x, labels))
  x, labels = np.asarray(x), np.asarray(labels)
  check_call(logits_fn, x, labels)
  labels = labels.astype(np.int32)
  if not has_two_sizes():
    batch_size = min(batch_size, len(x))
  stages = [Stage("clean", _unchanged), *(_expanded(s, len(x)) for s in stages)]
  costs = [cost(stage, logits_fn, x, labels) for stage in stages]
  state = SuiteState(x, len(stages))
  if save_to is not None:
    state.fingerprint = stage_fingerprint(
      stages, key, logits_fn, x, labels, batch_size
    )
    state.restore(save_to)
  logits_fn = jax.tree.map(
    lambda leaf: leaf if callable(leaf) else parallel.replicate(leaf), logits_fn
  )
  programs = [
    StageProgram(stage, key, logits_fn, x, labels, check) for stage in stages
  ]
  needed = [
    ((number, size), functools.partial(programs[number].lower, size))
    for size in batch_sizes(len(x), batch_size)
    for number in range(state.stage, len(stages))
  ]
  try:
    with compile_ahead(needed, compile_threads) as wait:
      while state.stage < len(stages):
        program = programs[state.stage]
        _run_stage(state, program, batch_size, wait, save_to, progress)
        state.next_stage(x)
  finally:
    if save_to is not None:
      state.save(save_to, now=True)
  return SuiteResult(
    state.x_adv.astype(x.dtype),
    state.misclassified_by,
    [
      {"name": stage.name, **state.totals(number, cost)}
      for number, (stage, cost) in enumerate(zip(stages, costs, strict=True))
    ],
  )


def _run_stage(
  state: SuiteState, program: StageProgram, batch_size, wait, save_to, report
):
  stage = program.stage
  while state.round_index < stage.num_rounds:
    batches = list(pack(np.flatnonzero(state.in_round), batch_size))
    earlier, later = state.round_index, stage.num_rounds - state.round_index - 1
    for rows, padded in batches[state.batch :]:
      started = time.monotonic()
      place = (state.stage, state.round_index, state.batch)
      wait((state.stage, len(padded)))
      x_adv, misclassified = program(place, padded, state.x_now[padded])
      seconds = time.monotonic() - started
      state.record(
        rows, x_adv[: len(rows)], misclassified[: len(rows)], seconds
      )
      done = earlier * len(batches) + state.batch
      left = len(batches) - state.batch + later * len(batches)
      report(stage.name, done, done + left)
      if save_to is not None:
        state.save(save_to)
    state.next_round()


def _expanded(stage: Stage, num_examples: int) -> Stage:
  """The stage, with all `per_example` values as `[N]`."""
  expanded = {}
  for name, value in stage.per_example.items():
    value = np.asarray(value, np.float32)
    if value.shape not in ((), (num_examples,)):
      raise ValueError(
        f"{name} of shape {value.shape}: expected one number, or one for each "
        f"of the {num_examples} images."
      )
    expanded[name] = np.broadcast_to(value, num_examples)
  return stage._replace(per_example=expanded)


def _unchanged(key, logits_fn, x, labels, x_now, round_index):
  del key, logits_fn, labels, x_now, round_index
  return x
