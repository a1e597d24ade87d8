"""The devices, and the rates of their matrix products."""

import functools

import jax

from experiments.cli.version import version_text
from robust_jax.training.matmul_rate import matmul_rate
from tests.benchmarks.accelerator.meter import Meter

# Of float32 numbers JAX multiplies at "default" unless told otherwise, which is
# TF32 on NVIDIA's devices since Ampere.
PRODUCTS = {
  "float32, highest": ("float32", "highest"),
  "float32, default": ("float32", "default"),
  "bfloat16": ("bfloat16", None),
}


def measure_devices(meter: Meter) -> None:
  """Sends what the machine is, and measures its matrix products."""
  size = 128 if meter.rehearsal else 8192
  meter.record_machine(_machine())
  if jax.default_backend() == "cpu" and not meter.rehearsal:
    return  # it would take minutes, and the command ends here
  for name, (dtype, precision) in PRODUCTS.items():
    rate = functools.partial(matmul_rate, dtype, size, precision)
    meter.measure(
      f"matmul, {name}", "XLA", 3, lambda r=rate: {"flop_per_second": r()}
    )


def _machine() -> dict[str, str]:
  found = {"backend": jax.default_backend()}
  found["memory"] = ", ".join(map(_memory, jax.local_devices()))
  found["versions"] = "; ".join(
    line.removeprefix("- ") for line in version_text().splitlines()
  )
  return found


def _memory(device: jax.Device) -> str:
  limit = (device.memory_stats() or {}).get("bytes_limit")
  return "unknown" if limit is None else f"{limit / 2**30:.1f} GiB for JAX"
