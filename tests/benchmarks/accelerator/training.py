"""Training steps: images per second, and the fraction of the matmul rate."""

import functools
import time
from typing import Any

import jax

from experiments import build
from robust_jax.training.step_cost import shapes_of_step, step_cost
from tests.benchmarks.accelerator.cases import Case, config_of, sized_cases
from tests.benchmarks.accelerator.meter import Meter
from tests.benchmarks.clock import compilations, seconds_per_call
from tests.benchmarks.training_step import compiled_step


def measure_training(meter: Meter) -> None:
  """Measures each of `cases.CASES`."""
  for case in sized_cases(meter.rehearsal):
    at_most = 0.1 if meter.rehearsal else 4.0
    meter.measure(
      case.name,
      "robust_jax",
      case.seconds,
      functools.partial(_measured, case, at_most),
    )


def _measured(case: Case, at_most: float) -> dict[str, Any]:
  """The values of one case: seconds of a step, of compiling it, its FLOP."""
  task, training, _, _ = build.experiment(config_of(case))
  begun = time.perf_counter()
  with compilations() as compiled:
    step, _ = compiled_step(
      task, training.indices(0), training.device_data, training.decode
    )
    jax.block_until_ready(step())
  first = time.perf_counter() - begun
  cost = step_cost(task, training, *shapes_of_step(task, training))
  bfloat16 = case.precision == "bfloat16"
  return {
    "seconds": seconds_per_call(step, at_most),
    "images": case.batch_size,
    "flop": cost.flop,
    "products": "bfloat16" if bfloat16 else "float32, default",
    "compile_seconds": sum(compiled),
    "first_seconds": first,
    "peak_bytes": _peak_bytes(),
  }


def _peak_bytes() -> int | None:
  """Most memory of the first device in this process; None if unknown."""
  return (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
