"""Milliseconds per image of the fifteen corruptions of ImageNet-C."""

import functools
import warnings
from typing import Any

from robust_jax.corruptions import suites
from tests.benchmarks.accelerator.meter import Meter
from tests.benchmarks.bench_corruptions import milliseconds
from tests.benchmarks.clock import compilations

_SLOW = ("glass_blur", "motion_blur", "snow", "zoom_blur")  # on accelerators
_SIDE = 224


def measure_corruptions(meter: Meter) -> None:
  """Measures each, first those that are slow, and adds them up."""
  rest = [name for name in suites.IMAGENET_C if name not in _SLOW]
  names = _SLOW[:1] if meter.rehearsal else (*_SLOW, *rest)
  batch = 2 if meter.rehearsal else 64
  side = 32 if meter.rehearsal else _SIDE
  seconds: dict[str, float] = {}

  def measured(name: str) -> dict[str, Any]:
    with compilations() as compiled, warnings.catch_warnings():
      warnings.simplefilter("ignore", RuntimeWarning)  # no peer was measured
      ours, _ = milliseconds(name, side, peer=None, batch=batch)
    seconds[name] = 1e-3 * ours
    return {
      "seconds": seconds[name],
      "images": 1,
      "compile_seconds": sum(compiled),
    }

  for name in names:
    meter.measure(
      f"{name}, {side} x {side}, batch {batch}",
      "robust_jax",
      4,
      functools.partial(measured, name),
    )
  total = sum(seconds.values())
  if seconds:
    meter.record(
      f"{len(seconds)} of {len(suites.IMAGENET_C)} corruptions together",
      "robust_jax",
      "done",
      seconds=total,
      text=f"{1e3 * total:.3f} ms an image",
    )
