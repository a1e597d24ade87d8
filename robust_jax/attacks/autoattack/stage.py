"""A stage of a suite, and its compiled programs."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import bounded_jit, checks, parallel
from robust_jax.attacks.cost import ModelCalls, count_passes, mark_model
from robust_jax.types import Array, Key, Model

Check = Callable[[np.ndarray, np.ndarray, np.ndarray], None]
"""(x `[B, ...]`, x_adv, rows `[B]`) raises ValueError on a change that is not
allowed; `rows` are the places of these images among all."""


class Stage(NamedTuple):
  """One attack of a suite, as a sequence of rounds of one compiled program.

  The remaining examples are packed into new batches between rounds. A round is
  one target class of a targeted attack, one restart, or a part of a long
  search.

  Attributes:
    name: name in reports.
    attack: `(key, logits_fn, x, labels, x_now, round_index, **per_example) ->
      x_adv`. `x_now` is the result of the previous round of this stage, or x in
      the first; `round_index` is a traced int32.
    num_rounds: number of rounds.
    per_example: further arguments of the attack, such as `{"eps": radii}`: each
      a number or `[N]`, one per image, packed as the images are. The attack
      sees traced arrays `[B]`, so that another radius does not recompile.
  """

  name: str
  attack: Callable[..., Array]
  num_rounds: int = 1
  per_example: Mapping[str, Any] = {}


class StageProgram(NamedTuple):
  """One stage on the images of a suite, as a program per batch size.

  Attributes:
    stage: the stage, whose `per_example` values are all `[N]`.
    key: random key of the suite.
    logits_fn: the model, replicated.
    x: images `[N, ...]`.
    labels: labels `[N]`.
    check: see `suite.run`.
  """

  stage: Stage
  key: Key
  logits_fn: Model
  x: np.ndarray
  labels: np.ndarray
  check: Check

  def __call__(
    self, place: tuple[int, int, int], rows: np.ndarray, x_now: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """Attacks some images.

    Args:
      place: numbers of the stage, of the round and of the batch.
      rows: indices `[B]` of the images.
      x_now: `[B, ...]`, see `Stage.attack`.

    Returns:
      x_adv `[B, ...]`, and whether each is misclassified, `[B]`.

    Raises:
      ValueError: logits are not finite, or the attack left its set.
    """
    x_adv, misclassified, finite = jax.device_get(
      bounded_jit.call(_attack_once, *self._arguments(place, rows, x_now))
    )
    _refuse_infinite(finite, rows, self.stage.name)
    _refuse_invalid(self.x[rows], x_adv, rows, self.check, self.stage.name)
    return x_adv, misclassified

  def lower(self, batch_size: int) -> jax.stages.Lowered:
    """Lowers the program of a batch size."""
    rows = np.resize(np.arange(len(self.x)), batch_size)
    arguments = self._arguments((0, 0, 0), rows, self.x[rows])
    return bounded_jit.lower(_attack_once, *arguments)

  def _arguments(self, place, rows, x_now):
    key = self.key
    for number in place:
      key = jax.random.fold_in(key, number)
    x, labels = self.x[rows], self.labels[rows]
    batch = (x, labels, x_now.astype(x.dtype), _rows(self.stage, rows))
    round_index = np.int32(place[1])
    spread = parallel.spread(batch)
    return self.stage.attack, key, self.logits_fn, round_index, *spread


def pack(rows: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, ...]]:
  """Padded batches of `size`, on a CPU of an eighth of it for the last rows.

  Yields:
    Some of the rows, and these repeated to the size of the batch.
  """
  small = _small(size)
  while len(rows):
    length = size if len(rows) > 3 * small else small
    batch, rows = rows[:length], rows[length:]
    yield batch, np.resize(batch, length)


def has_two_sizes() -> bool:
  """Returns true if there is a program for small batches.

  An accelerator computes their padding in less time than it compiles another.
  """
  return jax.default_backend() == "cpu"


def batch_sizes(num_rows: int, size: int) -> list[int]:
  """The sizes that `pack` may need for so many rows or fewer, in that order."""
  small = _small(size)
  sizes = [size, small] if num_rows > 3 * small else [small]
  return list(dict.fromkeys(sizes))


def cost(stage: Stage, logits_fn, x, labels) -> ModelCalls:
  """Passes per image; tracing also checks that the stage applies to them."""
  one = slice(1)
  program = bounded_jit.jaxpr(
    _attack_marked,
    stage.attack,
    logits_fn,
    x[one],
    labels[one],
    _rows(stage, one),
  )
  return count_passes(program, 1)


def _small(size: int) -> int:
  return max(size // 8, 1) if has_two_sizes() else size


def _rows(stage: Stage, rows: np.ndarray | slice) -> dict[str, np.ndarray]:
  return {name: values[rows] for name, values in stage.per_example.items()}


def _attack_once(
  attack, key, logits_fn, round_index, x, labels, x_now, per_example
):
  x_adv = attack(key, logits_fn, x, labels, x_now, round_index, **per_example)
  logits = logits_fn(x_adv)
  # -inf excludes a class; NaN and +inf are the largest of a row.
  finite = jnp.isfinite(logits.max(axis=-1))
  return x_adv, logits.argmax(axis=-1) != labels, finite


def _attack_marked(attack, logits_fn, x, labels, per_example):
  key, model = jax.random.key(0), mark_model(logits_fn)
  return _attack_once(attack, key, model, 0, x, labels, x, per_example)


def _refuse_infinite(finite: np.ndarray, rows: np.ndarray, name: str) -> None:
  if not finite.all():
    raise ValueError(
      f"the model's logits are not finite on image {rows[~finite][0]} under "
      f"{name}: they define no prediction."
    )


def _refuse_invalid(x, x_adv, rows, check: Check, name: str) -> None:
  try:
    checks.images(x_adv)
    check(x, x_adv, rows)
  except ValueError as error:
    raise ValueError(
      f"{name} left its set, which is a bug of the attack: {error}"
    ) from error
