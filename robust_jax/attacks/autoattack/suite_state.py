"""State of a suite of attacks, which can be saved and restored."""

import pathlib
import time

import numpy as np

from robust_jax import saved_state
from robust_jax.attacks.cost import ModelCalls

NONE = -1
_SAVING_FRACTION = 0.03


class SuiteState:
  """State of a suite of attacks; on the host, saved from time to time.

  Attributes:
    stage, round_index, batch: position of the next batch.
    misclassified_by: `[N]`, the number of the stage that succeeded, or NONE.
    x_adv: `[N, ...]`, the original where no stage succeeded.
    x_now: `[N, ...]`, the result of the previous round of this stage.
    in_round: `[N]` bool, whether the image was still classified correctly when
      this round began.
    attacked, seconds: totals of each stage.
    fingerprint: digests of what the result depends on, by name; see
      `robust_jax.fingerprint`.
  """

  def __init__(
    self,
    x: np.ndarray,
    num_stages: int,
    fingerprint: dict[str, str] | None = None,
  ):
    self.stage = self.round_index = self.batch = 0
    self.misclassified_by = np.full(len(x), NONE)
    # NumPy files have no bfloat16; float32 holds its values.
    x = x.astype(np.promote_types(x.dtype, np.float32))
    self.x_adv, self.x_now = x.copy(), x.copy()
    self.in_round = np.ones(len(x), bool)
    self.attacked = np.zeros(num_stages, int)
    self.seconds = np.zeros(num_stages)
    self.fingerprint = fingerprint or {}
    self._saved, self._pause = time.monotonic(), 0.0

  def record(
    self,
    rows: np.ndarray,
    x_adv: np.ndarray,
    misclassified: np.ndarray,
    seconds: float,
  ) -> None:
    """Records the result of a batch of distinct rows."""
    self.misclassified_by[rows[misclassified]] = self.stage
    self.x_adv[rows[misclassified]] = x_adv[misclassified]
    self.x_now[rows] = x_adv
    self.attacked[self.stage] += len(rows)
    self.seconds[self.stage] += seconds
    self.batch += 1

  def next_round(self) -> None:
    """Begins a round with the images that are still classified correctly."""
    self.round_index, self.batch = self.round_index + 1, 0
    self.in_round = self.misclassified_by == NONE

  def next_stage(self, x: np.ndarray) -> None:
    """Begins a stage from the original images."""
    self.stage, self.round_index = self.stage + 1, 0
    self.x_now = x.astype(self.x_now.dtype)

  def accuracy(self, stage: int) -> float:
    """Fraction of the images classified correctly after that stage."""
    is_misclassified = (self.misclassified_by != NONE) & (
      self.misclassified_by <= stage
    )
    return float(1 - is_misclassified.mean())

  def totals(self, stage: int, cost: ModelCalls) -> dict[str, int | float]:
    """Totals of a stage for reports, given its passes per attacked image."""
    attacked = int(self.attacked[stage])
    return {
      "accuracy": self.accuracy(stage),
      "attacked": attacked,
      "forward": round(cost.forward * attacked),
      "backward": round(cost.backward * attacked),
      "seconds": round(float(self.seconds[stage]), 3),
    }

  def save(self, path: pathlib.Path, now: bool = False) -> None:
    """Writes the state atomically, now or within 3 % of the run time.

    The state is written after every batch unless it is large and batches are
    short.
    """
    started = time.monotonic()
    if not now and started - self._saved < self._pause:
      return
    arrays = {name: getattr(self, name) for name in _ARRAYS}
    position = np.array([self.stage, self.round_index, self.batch])
    saved_state.save(
      path,
      self.fingerprint,
      arrays | {"position": position},
      finished=self.stage == len(self.attacked),
    )
    self._saved = time.monotonic()
    self._pause = (self._saved - started) / _SAVING_FRACTION

  def restore(self, path: pathlib.Path) -> None:
    """Continues from a saved state, if there is one of this run.

    Raises:
      ValueError: the file is the state of another run that has not ended, or is
        not readable.
    """
    arrays = saved_state.restore(path, self.fingerprint)
    if arrays is None:
      return
    position = arrays.pop("position").tolist()
    self.stage, self.round_index, self.batch = position
    for name, array in arrays.items():
      setattr(self, name, array)


_ARRAYS = (
  "misclassified_by",
  "x_adv",
  "x_now",
  "in_round",
  "attacked",
  "seconds",
)
