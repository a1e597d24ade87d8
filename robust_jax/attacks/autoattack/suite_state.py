"""Which images still stand, and how far their attackers have come."""

import json
import pathlib
import time
import zipfile
import zlib

import numpy as np

from robust_jax.files import atomic_write
from robust_jax.fingerprint import refuse_other

STANDING = -1
_FRACTION_OF_SAVING = 0.03


class SuiteState:
  """Of a suite of attacks; on the host, saved now and then.

  Attributes:
    stage, turn, batch: what comes next.
    misclassified_by: `[N]` number of the stage that fooled the model, or
      STANDING.
    x_adv: `[N, ...]`, the original where nothing fooled the model.
    x_now: `[N, ...]`, where the rounds of this stage have led.
    in_round: `[N]` bool, standing when this round began.
    attacked, seconds: per stage.
    identity: what the result depends on, by name; see `robust_jax.fingerprint`.
  """

  def __init__(
    self, x: np.ndarray, num_stages: int, identity: dict[str, str] | None = None
  ):
    self.stage = self.turn = self.batch = 0
    self.misclassified_by = np.full(len(x), STANDING)
    # Files of arrays know no bfloat16; float32 holds its values.
    x = x.astype(np.promote_types(x.dtype, np.float32))
    self.x_adv, self.x_now = x.copy(), x.copy()
    self.in_round = np.ones(len(x), bool)
    self.attacked = np.zeros(num_stages, int)
    self.seconds = np.zeros(num_stages)
    self.identity = identity or {}
    self._saved, self._pause = time.monotonic(), 0.0

  def note(
    self,
    rows: np.ndarray,
    x_adv: np.ndarray,
    fooled: np.ndarray,
    seconds: float,
  ) -> None:
    """Takes over what a batch of distinct rows came to."""
    self.misclassified_by[rows[fooled]] = self.stage
    self.x_adv[rows[fooled]] = x_adv[fooled]
    self.x_now[rows] = x_adv
    self.attacked[self.stage] += len(rows)
    self.seconds[self.stage] += seconds
    self.batch += 1

  def next_round(self) -> None:
    """The survivors are packed anew."""
    self.turn, self.batch = self.turn + 1, 0
    self.in_round = self.misclassified_by == STANDING

  def next_stage(self, x: np.ndarray) -> None:
    """Another attack begins at the originals."""
    self.stage, self.turn = self.stage + 1, 0
    self.x_now = x.astype(self.x_now.dtype)

  def accuracy(self, stage: int) -> float:
    """Fraction of the images that stand after that stage."""
    fallen = (self.misclassified_by != STANDING) & (
      self.misclassified_by <= stage
    )
    return float(1 - fallen.mean())

  def save(self, path: pathlib.Path, now: bool = False) -> None:
    """Writes the state whole: now, or if 3 % of the time are enough for it.

    That is after every batch, unless the state is large and batches are short.
    """
    started = time.monotonic()
    if not now and started - self._saved < self._pause:
      return
    with atomic_write(path) as new:
      np.savez(
        new,
        identity=json.dumps(self.identity),
        position=[self.stage, self.turn, self.batch],
        **{name: getattr(self, name) for name in _ARRAYS},
      )
    self._saved = time.monotonic()
    self._pause = (self._saved - started) / _FRACTION_OF_SAVING

  def restore(self, path: pathlib.Path) -> None:
    """Goes on from a saved state, if there is one.

    Raises:
      ValueError: it is not that of this run, or not readable.
    """
    if not path.exists():
      return
    try:
      with path.open("rb") as file:
        saved = dict(np.load(file, allow_pickle=False))
      there = json.loads(str(saved["identity"]))
      stage, turn, batch = (int(n) for n in saved["position"])
      arrays = {name: saved[name] for name in _ARRAYS}
    except _UNREADABLE as error:
      raise ValueError(
        f"{path} is not the state of an attack, or damaged ({error}). Delete "
        "it to start anew, or give another file."
      ) from error
    refuse_other(
      there,
      self.identity,
      str(path),
      "Delete it to start anew, or give another file.",
    )
    self.stage, self.turn, self.batch = stage, turn, batch
    for name, array in arrays.items():
      setattr(self, name, array)


_UNREADABLE = (
  OSError,
  EOFError,
  KeyError,
  ValueError,
  TypeError,
  AttributeError,
  zipfile.BadZipFile,
  zlib.error,
)
_ARRAYS = (
  "misclassified_by",
  "x_adv",
  "x_now",
  "in_round",
  "attacked",
  "seconds",
)
