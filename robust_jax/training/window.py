"""Metrics of the training steps since the last record of the log."""

import math
import time
from typing import cast

import jax

from robust_jax import metrics as masked
from robust_jax import parallel
from robust_jax.training.matmul_rate import matmul_rate
from robust_jax.training.step_cost import StepCost
from robust_jax.types import Metrics


class Window:
  """Metrics since the last record, kept on the device until they are read.

  With them are recorded the examples per second, the seconds per step, and the
  peak memory of a device where the backend reports it. The first record of a
  process also has the seconds of compilation and, with a `cost`, the passes per
  example and the FLOP of a step, and the rate of a matrix product in the dtype
  of the step on all devices, which is measured once (`matmul_rate`). Then all
  records have the fraction of that rate that the step reached.

  Args:
    cost: cost of a step; None if it is not known.
  """

  def __init__(self, cost: StepCost | None = None):
    self._metrics: list[tuple[int, Metrics]] = []
    self._compile_seconds: float | None = None
    self._once = _constants(cost)
    self._at_matmul_rate = _seconds_at_matmul_rate(self._once)
    self.restart_clock()

  def restart_clock(self) -> None:
    self._clock, self._timed_rows = time.monotonic(), 0
    self._timed_steps = 0

  def add(self, step: int, metrics: Metrics, rows: int) -> None:
    self._metrics.append((step, metrics))
    self._timed_rows += rows
    self._timed_steps += 1
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
    values |= self._speed(time.monotonic() - self._clock)
    if self._compile_seconds:
      values["compile_seconds"] = self._compile_seconds
      values |= self._once
      self._compile_seconds = 0.0
    self._metrics = []
    self.restart_clock()
    return values

  def _speed(self, elapsed: float) -> dict[str, float]:
    values: dict[str, float] = {}
    if self._timed_steps:
      seconds = elapsed / self._timed_steps
      values["examples_per_second"] = self._timed_rows / elapsed
      values["seconds_per_step"] = seconds
      if self._at_matmul_rate:
        values["matmul_fraction"] = self._at_matmul_rate / seconds
    return values | _peak_memory()


def _constants(cost: StepCost | None) -> dict[str, float]:
  """Returns the numbers that are recorded once, those that are known."""
  if cost is None:
    return {}
  values = {
    "forward_passes": cost.forward,
    "backward_passes": cost.backward,
    "flop_per_step": cost.flop,
  }
  values = {name: value for name, value in values.items() if value >= 0}
  if values.get("flop_per_step"):
    rate = parallel.num_processes() * matmul_rate(cost.dtype)
    values["matmul_flop_per_second"] = rate
  return values


def _seconds_at_matmul_rate(constants: dict[str, float]) -> float | None:
  """Seconds of a step's products at the rate of one large product."""
  if "matmul_flop_per_second" not in constants:
    return None
  return constants["flop_per_step"] / constants["matmul_flop_per_second"]


def _peak_memory() -> dict[str, float]:
  """Most bytes in use at once on any local device, where that is known."""
  stats = [device.memory_stats() or {} for device in jax.local_devices()]
  peaks = [known.get("peak_bytes_in_use", 0) for known in stats]
  return {"peak_memory_bytes": max(peaks)} if all(peaks) else {}
