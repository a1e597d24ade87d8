"""Several attacks in a row, each on the examples that the last ones left."""

import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import bounded_jit, checks, parallel
from robust_jax.attacks.autoattack._stage_fingerprint import stage_fingerprint
from robust_jax.attacks.autoattack.suite_state import SuiteState
from robust_jax.attacks.cost import ModelCalls, marked, passes_in
from robust_jax.attacks.standalone import check_call
from robust_jax.types import Array, Attack, Key, Model

Check = Callable[[np.ndarray, np.ndarray, np.ndarray], None]
"""(x `[B, ...]`, x_adv, rows `[B]`) raises ValueError on a change that is not
allowed; `rows` are the places of these images among all."""


class Stage(NamedTuple):
  """One attack as a sequence of rounds of one compiled program.

  Between rounds the survivors are packed anew: a round is one target class of
  a targeted attack, one restart, or a stretch of a long search.

  Attributes:
    name: as reported.
    attack: `(key, logits_fn, x, labels, x_now, turn, **per_example) -> x_adv`,
      where `x_now` is where the last round of this stage has led, x in the
      first, and `turn` the number of the round, a traced int32.
    num_rounds: how many.
    per_example: what else the attack is given, such as `{"eps": radii}`: each a
      number or `[N]`, one for each image, and packed as the images are. The
      attack sees `[B]`, traced, so that another radius compiles nothing new.
  """

  name: str
  attack: Callable[..., Array]
  num_rounds: int = 1
  per_example: Mapping[str, Any] = {}


def stage_of(name: str, attack: Attack) -> Stage:
  """A stage of one round: the attack itself, which knows of no other."""

  def one_round(key, logits_fn, x, labels, x_now, turn):
    del x_now, turn
    return attack(key, logits_fn, x, labels)

  return Stage(name, one_round)


class SuiteResult(NamedTuple):
  """What a suite found.

  Attributes:
    x_adv: `[N, ...]`; the original where nothing fooled the model.
    misclassified_by: `[N]`; 0 where the clean image does, k where the k-th
      stage did,
      -1 where none did.
    stages: for the clean images and each stage a dict of "name"; "accuracy"
      after it; "attacked", images times rounds that it was given; "forward" and
      "backward", the passes spent on all of them; "seconds".
  """

  x_adv: np.ndarray
  misclassified_by: np.ndarray
  stages: list[dict[str, Any]]


def anything(x: np.ndarray, x_adv: np.ndarray, rows: np.ndarray) -> None:
  """The `Check` of attacks that may change whatever they like."""
  del x, x_adv, rows


def run(
  stages: Sequence[Stage],
  key: Key,
  logits_fn: Model,
  x: np.ndarray,
  labels: np.ndarray,
  *,
  check: Check = anything,
  batch_size: int = 128,
  save_to: pathlib.Path | None = None,
  progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> SuiteResult:
  """Attacks every image until the model is fooled or the stages are over.

  Each stage begins at the original image. An image counts as fooled when the
  model, asked once more about the result, does not answer its label. Batches
  have one of two sizes, so that nothing is compiled for a number of survivors;
  they are spread over the devices of this process.

  Args:
    stages: in order.
    key: same key, same answer, interrupted or not.
    logits_fn: the model; a `jax.tree_util.Partial` or `frozen` one does not
      compile again for new parameters.
    x: images `[N, ...]` in [0, 1].
    labels: `[N]`.
    check: `(x, x_adv, rows)` raises ValueError if such a change of those rows
      of the images is not allowed.
    batch_size: of the compiled programs.
    save_to: an `.npz` file that the state is saved to now and then; if it is
      there already, the run goes on from it, if it is that of the same run.
    progress: called with a stage's name, its batches done, and in all.

  Raises:
    ValueError: bad images or labels; a stage that is not for such images or
      such a model, before any has run; a model whose answer is not finite; an
      attack that left the box or its set; a `save_to` of another run.
  """
  checks.not_traced("an attack in stages", (key, logits_fn, x, labels))
  x, labels = np.asarray(x), np.asarray(labels)
  check_call(logits_fn, x, labels)
  labels = labels.astype(np.int32)
  stages = [Stage("clean", _unchanged), *(_expanded(s, len(x)) for s in stages)]
  costs = [_cost(stage, logits_fn, x, labels) for stage in stages]
  state = SuiteState(x, len(stages))
  if save_to is not None:
    state.identity = stage_fingerprint(
      stages, key, logits_fn, x, labels, batch_size
    )
    state.restore(save_to)
  logits_fn = jax.tree.map(
    lambda leaf: leaf if callable(leaf) else parallel.replicate(leaf), logits_fn
  )
  try:
    while state.stage < len(stages):
      stage = stages[state.stage]
      attack = _attacker(stage, key, logits_fn, x, labels, check)
      _run_stage(state, stage, attack, batch_size, save_to, progress)
      state.next_stage(x)
  finally:
    if save_to is not None:
      state.save(save_to, now=True)
  return SuiteResult(
    state.x_adv.astype(x.dtype),
    state.misclassified_by,
    _report(state, stages, costs),
  )


def _run_stage(
  state: SuiteState, stage: Stage, attack, batch_size, save_to, report
):
  while state.turn < stage.num_rounds:
    batches = list(_pack(np.flatnonzero(state.in_round), batch_size))
    earlier, later = state.turn, stage.num_rounds - state.turn - 1
    for rows, padded in batches[state.batch :]:
      started = time.monotonic()
      place = (state.stage, state.turn, state.batch)
      x_adv, fooled = attack(place, padded, state.x_now[padded])
      seconds = time.monotonic() - started
      state.note(rows, x_adv[: len(rows)], fooled[: len(rows)], seconds)
      done = earlier * len(batches) + state.batch
      left = len(batches) - state.batch + later * len(batches)
      report(stage.name, done, done + left)
      if save_to is not None:
        state.save(save_to)
    state.next_round()


def _attacker(stage: Stage, key, logits_fn, x, labels, check):
  """The stage's program, fed from the host and its answer checked there."""

  def attack(place, rows, x_now):
    batch_key = key
    for number in place:
      batch_key = jax.random.fold_in(batch_key, number)
    batch = parallel.spread(
      (x[rows], labels[rows], x_now.astype(x.dtype), _rows(stage, rows))
    )
    turn = np.int32(place[1])
    x_adv, fooled, finite = jax.device_get(
      bounded_jit.call(
        _attack_once, stage.attack, batch_key, logits_fn, turn, *batch
      )
    )
    _refuse_infinite(finite, rows, stage.name)
    _refuse_invalid(x[rows], x_adv, rows, check, stage.name)
    return x_adv, fooled

  return attack


def _rows(stage: Stage, rows: np.ndarray | slice) -> dict[str, np.ndarray]:
  return {name: values[rows] for name, values in stage.per_example.items()}


def _attack_once(attack, key, logits_fn, turn, x, labels, x_now, per_example):
  x_adv = attack(key, logits_fn, x, labels, x_now, turn, **per_example)
  logits = logits_fn(x_adv)
  # -inf may exclude a class; NaN and +inf are the largest of a row.
  finite = jnp.isfinite(logits.max(axis=-1))
  return x_adv, logits.argmax(axis=-1) != labels, finite


def _unchanged(key, logits_fn, x, labels, x_now, turn):
  del key, logits_fn, labels, x_now, turn
  return x


def _pack(rows: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, ...]]:
  """Batches of `size`, and an eighth of it where a few are left; padded."""
  small = max(size // 8, 1)
  while len(rows):
    length = size if len(rows) > 3 * small else small
    batch, rows = rows[:length], rows[length:]
    yield batch, np.resize(batch, length)


def _expanded(stage: Stage, num_examples: int) -> Stage:
  """The stage, what it gives to each example as `[N]`."""
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


def _cost(stage: Stage, logits_fn, x, labels) -> ModelCalls:
  """What one image costs; also tells whether the stage is for such images."""
  one = slice(1)
  program = bounded_jit.jaxpr(
    _attack_marked,
    stage.attack,
    logits_fn,
    x[one],
    labels[one],
    _rows(stage, one),
  )
  return passes_in(program, 1)


def _attack_marked(attack, logits_fn, x, labels, per_example):
  key, model = jax.random.key(0), marked(logits_fn)
  return _attack_once(attack, key, model, 0, x, labels, x, per_example)


def _report(state: SuiteState, stages, costs) -> list[dict[str, Any]]:
  records = []
  for number, (stage, cost) in enumerate(zip(stages, costs, strict=True)):
    attacked = int(state.attacked[number])
    records.append(
      {
        "name": stage.name,
        "accuracy": state.accuracy(number),
        "attacked": attacked,
        "forward": round(cost.forward * attacked),
        "backward": round(cost.backward * attacked),
        "seconds": round(float(state.seconds[number]), 3),
      }
    )
  return records


def _refuse_infinite(finite: np.ndarray, rows: np.ndarray, name: str) -> None:
  if not finite.all():
    raise ValueError(
      f"the model's logits are not finite on image {rows[~finite][0]} under "
      f"{name}: no answer can be read from them."
    )


def _refuse_invalid(x, x_adv, rows, check: Check, name: str) -> None:
  try:
    checks.images(x_adv)
    check(x, x_adv, rows)
  except ValueError as error:
    raise ValueError(
      f"{name} left its set, a bug of the attack: {error}"
    ) from error
