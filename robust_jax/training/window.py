"""Metrics of the training steps since the last record of the log."""

import math
import time
from typing import cast

import jax

from robust_jax import metrics as masked
from robust_jax.types import Metrics


class Window:
  """Metrics since the last record, kept on the device until they are read."""

  def __init__(self):
    self._metrics: list[tuple[int, Metrics]] = []
    self._compile_seconds: float | None = None
    self.restart_clock()

  def restart_clock(self) -> None:
    self._clock, self._timed_rows = time.monotonic(), 0

  def add(self, step: int, metrics: Metrics, rows: int) -> None:
    self._metrics.append((step, metrics))
    self._timed_rows += rows
    if self._compile_seconds is None:  # the first step of this process
      jax.block_until_ready(metrics)
      self._compile_seconds = time.monotonic() - self._clock
      self.restart_clock()

  def close(self) -> dict[str, float]:
    """Computes averages and the speed, and empties the window.

    Raises:
      FloatingPointError: a metric of some step is not finite.
    """
    records = jax.device_get(self._metrics)
    total: Metrics = {}
    for step, metrics in records:
      for name, value in masked.result(metrics).items():
        if not math.isfinite(value):
          raise FloatingPointError(
            f"{name} is {value} at step {step}: training stops, and the "
            "checkpoints before it stay. Lower the learning rate, clip "
            "gradients (optimizer.clip_norm) or look at the data of that step."
          )
      total = masked.merge(total, metrics) if total else metrics
    # Metrics of a step are scalars.
    values = cast(dict[str, float], masked.result(total))
    elapsed = time.monotonic() - self._clock
    if self._timed_rows:
      values["examples_per_second"] = self._timed_rows / elapsed
    if self._compile_seconds:
      values["compile_seconds"] = self._compile_seconds
      self._compile_seconds = 0.0
    self._metrics = []
    self.restart_clock()
    return values
