"""Several attacks in a row, each on the examples that the last ones left."""

import hashlib
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks, parallel
from robust_jax.attacks.cost import passes
from robust_jax.attacks.survivors import State
from robust_jax.types import Array, Attack, Key, LogitsFn


class Stage(NamedTuple):
  """One attack as a sequence of rounds of one compiled program.

  Between rounds the survivors are packed anew: a round is one target class of
  a targeted attack, one restart, or a stretch of a long search.

  Attributes:
    name: as reported.
    attack: `(key, logits_fn, x, labels, x_now, turn) -> x_adv`, where `x_now`
      is where the last round of this stage has led, x in the first, and `turn`
      the number of the round, a traced int32. As a `jax.tree_util.Partial`,
      what it is applied to is traced too, so that another radius compiles
      nothing new.
    num_rounds: how many.
  """

  name: str
  attack: Callable[[Key, LogitsFn, Array, Array, Array, Array], Array]
  num_rounds: int = 1


def stage_of(name: str, attack: Attack) -> Stage:
  """A stage of one round: the attack itself, which knows of no other."""

  def one_round(key, logits_fn, x, labels, x_now, turn):
    del x_now, turn
    return attack(key, logits_fn, x, labels)

  return Stage(name, one_round)


class Outcome(NamedTuple):
  """What a suite found.

  Attributes:
    x_adv: `[N, ...]`; the original where nothing fooled the model.
    fooled_by: `[N]`; 0 where the clean image does, k where the k-th stage did,
      -1 where none did.
    stages: for the clean images and each stage a dict of "name"; "accuracy"
      after it; "attacked", images times rounds that it was given; "forward" and
      "backward", the passes spent on all of them; "seconds".
  """

  x_adv: np.ndarray
  fooled_by: np.ndarray
  stages: list[dict[str, Any]]


def run(
  stages: Sequence[Stage],
  key: Key,
  logits_fn: LogitsFn,
  x: np.ndarray,
  labels: np.ndarray,
  *,
  check: Callable[[np.ndarray, np.ndarray], None] = lambda x, x_adv: None,
  batch_size: int = 128,
  save_to: pathlib.Path | None = None,
  progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Outcome:
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
    check: `(x, x_adv)` raises ValueError if such a change is not allowed.
    batch_size: of the compiled programs.
    save_to: an `.npz` file that the state is saved to now and then; if it is
      there already, the run goes on from it.
    progress: called with a stage's name, its batches done, and in all.

  Raises:
    ValueError: bad images or labels; a model whose answer is not finite; an
      attack that left the box or its set; a `save_to` of another run.
  """
  x, labels = np.asarray(x), np.asarray(labels)
  logits_fn = parallel.replicate(_checked(logits_fn, x, labels))
  stages = [Stage("clean", _unchanged), *stages]
  state = State(x, len(stages), _fingerprint(stages, key, logits_fn, x, labels))
  if save_to is not None:
    state.restore(save_to)
  try:
    while state.stage < len(stages):
      stage = stages[state.stage]
      attack = _attacker(stage, key, logits_fn, x, labels, check)
      _run_stage(state, stage, attack, batch_size, save_to, progress)
      state.next_stage(x)
  finally:
    if save_to is not None:
      state.save(save_to, now=True)
  return Outcome(
    state.x_adv, state.fooled_by, _report(state, stages, logits_fn, x, labels)
  )


def _run_stage(state: State, stage: Stage, attack, batch_size, save_to, report):
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
  partial = as_partial(stage.attack)

  def attack(place, rows, x_now):
    batch_key = key
    for number in place:
      batch_key = jax.random.fold_in(batch_key, number)
    batch = parallel.spread((x[rows], labels[rows], x_now))
    x_adv, fooled, finite = jax.device_get(
      _attack_once(partial, batch_key, logits_fn, *batch, np.int32(place[1]))
    )
    _refuse_infinite(finite, rows, stage.name)
    _refuse_invalid(x[rows], x_adv, check, stage.name)
    return x_adv, fooled

  return attack


@jax.jit
def _attack_once(attack, key, logits_fn, x, labels, x_now, turn):
  x_adv = attack(key, logits_fn, x, labels, x_now, turn)
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


def _report(state: State, stages, logits_fn, x, labels) -> list[dict[str, Any]]:
  records = []
  for number, stage in enumerate(stages):
    attacked = int(state.attacked[number])

    def attack(key, model, x, y, partial=stage.attack):
      return _attack_once(
        as_partial(partial), key, as_partial(model), x, y, x, 0
      )

    cost = passes(attack, logits_fn, x[:1], labels[:1])
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


def _checked(logits_fn, x, labels) -> jax.tree_util.Partial:
  checks.images(x)
  answer = jax.eval_shape(logits_fn, x[:1])
  checks.logits(answer, 1)
  checks.labels(labels, len(x), answer.shape[1])
  return as_partial(logits_fn)


def as_partial(fn: Callable) -> jax.tree_util.Partial:
  """A function that may go into a compiled program as an argument."""
  if isinstance(fn, jax.tree_util.Partial):
    return fn
  return jax.tree_util.Partial(fn)


def _refuse_infinite(finite: np.ndarray, rows: np.ndarray, name: str) -> None:
  if not finite.all():
    raise ValueError(
      f"the model's logits are not finite on image {rows[~finite][0]} under "
      f"{name}: no answer can be read from them."
    )


def _refuse_invalid(x: np.ndarray, x_adv: np.ndarray, check, name: str) -> None:
  try:
    checks.images(x_adv)
    check(x, x_adv)
  except ValueError as error:
    raise ValueError(
      f"{name} left its set, a bug of the attack: {error}"
    ) from error


def _fingerprint(stages, key, logits_fn, x, labels) -> str:
  """Of all that the result depends on."""
  digest = hashlib.sha256()
  digest.update(repr([(s.name, s.num_rounds) for s in stages]).encode())
  for part in jax.tree.leaves((key, x, labels, logits_fn)):
    if jnp.issubdtype(part.dtype, jax.dtypes.prng_key):
      part = jax.random.key_data(part)
    digest.update(np.ascontiguousarray(part).tobytes())
  return digest.hexdigest()
