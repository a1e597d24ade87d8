"""The memory, operations and time of a run that is not trained."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import rich.box
import rich.table
from ml_collections import ConfigDict

from experiments import build
from experiments.build.check_config import check_config
from experiments.build.loop_config import loop_config
from experiments.planning.described_step import described_step
from robust_jax import checks, parallel
from robust_jax.data.loader import num_rows
from robust_jax.training.progress import in_units
from robust_jax.training.step_cost import (
  StepCost,
  all_reduced_bytes,
  shapes_of_step,
  step_cost,
)
from robust_jax.types import PyTree, State, Task

_H100_TFLOPS = {"bfloat16": 989.0, "float32": 495.0}


class Cluster(NamedTuple):
  """Assumptions about the devices.

  Attributes:
    peak_tflops: highest rate of a device, in 1e12 FLOP/s; None for that of an
      H100 SXM in the dtype of most operations, without sparsity.
    utilization: fraction of it that a step reaches.
    bandwidth: what a device sends at once, in 1e9 bytes/s.
  """

  peak_tflops: float | None = None
  utilization: float = 0.4
  bandwidth: float = 50.0


class StepTime(NamedTuple):
  """The expected time of a step on several devices.

  Attributes:
    compute: seconds of the operations.
    all_reduce: seconds in which gradients and statistics are averaged.
  """

  compute: float
  all_reduce: float

  @property
  def total(self) -> float:
    """Seconds of a step: the two do not overlap."""
    return self.compute + self.all_reduce

  @property
  def efficiency(self) -> float:
    """Speed relative to as many devices that need not communicate."""
    return self.compute / self.total if self.total else 1.0


def step_time(
  flop: float, reduced_bytes: float, num_devices: int, rate: float, sent: float
) -> StepTime:
  """Computes the expected time of a step.

  A ring of n devices that averages arrays has each send 2 (n - 1) / n of their
  bytes (Patarasuk and Yuan 2009).

  Args:
    flop: floating point operations of the step, on all devices.
    reduced_bytes: size of what is averaged.
    num_devices: n.
    rate: FLOP/s of a device.
    sent: bytes/s that a device sends.

  Example:
    >>> from experiments.planning.plan import step_time
    >>> step_time(8e12, 1e9, num_devices=2, rate=4e12, sent=2e9)
    StepTime(compute=1.0, all_reduce=0.5)
  """
  ring = 2 * (num_devices - 1) / num_devices
  return StepTime(flop / num_devices / rate, ring * reduced_bytes / sent)


def plan(
  config: ConfigDict, devices: Sequence[int], cluster: Cluster
) -> tuple[rich.table.Table, list[str]]:
  """Describes what the run of a config would take.

  Nothing is trained. The step is traced, and compiled here for one device.

  Args:
    config: config of the run.
    devices: numbers of devices, each of which has a column.
    cluster: assumptions about them.

  Returns:
    A table, and sentences that say what is assumed.

  Raises:
    ValueError: the batch does not divide by the devices, an option does not
      fit, or data are missing.
  """
  check_config(config)
  for number in devices:
    checks.at_least_one("--devices", number)
    parallel.rows_per_device(config.training.batch_size, number)
  checks.positive("--utilization", cluster.utilization)
  checks.positive("--bandwidth", cluster.bandwidth)
  if cluster.peak_tflops is not None:
    checks.positive("--peak_tflops", cluster.peak_tflops)
  task, training = described_step(config)
  state, batch = shapes_of_step(task, training)
  cost = step_cost(task, training, state, batch)
  num_steps = _num_steps(config)
  peak = cluster.peak_tflops or _H100_TFLOPS[cost.dtype]
  rate, sent = 1e12 * peak * cluster.utilization, 1e9 * cluster.bandwidth
  table = rich.table.Table(
    title=f"a step, and a run of {num_steps:,} steps",
    box=rich.box.SIMPLE_HEAD,
  )
  table.add_column("devices")
  columns = []
  for number in devices:
    table.add_column(f"{number:,}", justify="right")
    part = _part(batch, number)
    reduced, memory = _on_a_device(task, state, part, number)
    time = step_time(cost.flop, reduced, number, rate, sent)
    columns.append(
      _rows_of_run(state, num_rows(batch), cost, num_steps)
      | _rows_of_devices(num_rows(part), memory, reduced)
      | _rows_of_time(time, num_rows(batch), num_steps)
    )
  for name in columns[0]:
    table.add_row(name, *(column[name] for column in columns))
  return table, _assumptions(cost.dtype, peak, cluster)


def _num_steps(config: ConfigDict) -> int:
  """Length of the run; it is read from the data only if it is in epochs."""
  training = config.training
  in_steps = "num_steps" in training
  per_epoch = 1 if in_steps else build.loaders(config)[0].num_steps
  return loop_config(training, per_epoch).num_steps


def _part(batch: PyTree, num_devices: int) -> PyTree:
  """A device's part of a batch, of `jax.ShapeDtypeStruct`."""

  def part(leaf):
    rows = parallel.rows_per_device(leaf.shape[0], num_devices)
    return jax.ShapeDtypeStruct((rows, *leaf.shape[1:]), leaf.dtype)

  return jax.tree.map(part, batch)


def _on_a_device(
  task: Task, state: State, batch: PyTree, num_devices: int
) -> tuple[float, float]:
  """Bytes that a device reduces with others in a step, and that it holds."""
  key = jax.eval_shape(lambda: jax.random.key(0))
  reduced = all_reduced_bytes(task.step, num_devices, state, batch, key)
  step = jax.jit(parallel.simulate_step(task.step, 1), donate_argnums=0)
  stats = step.lower(state, (), batch, key).compile().memory_analysis()
  if stats is None:  # the backend does not say
    return reduced, math.nan
  inputs, outputs = stats.argument_size_in_bytes, stats.output_size_in_bytes
  reused = stats.alias_size_in_bytes
  return reduced, inputs + outputs - reused + stats.temp_size_in_bytes


def _rows_of_run(
  state: State, batch_size: int, cost: StepCost, num_steps: int
) -> dict[str, str]:
  """The rows that do not depend on the number of devices."""
  sizes = [math.prod(leaf.shape) for leaf in jax.tree.leaves(state.params)]
  return {
    "parameters": f"{sum(sizes):,}",
    "bytes of parameters": in_units(_bytes(state.params), "B"),
    "bytes of gradients": in_units(_bytes(state.params), "B"),
    "bytes of optimizer state": in_units(_bytes(state.opt_state), "B"),
    "bytes of model state": in_units(_bytes(state.model_state), "B"),
    "bytes of averaged weights": in_units(_bytes(state.average), "B"),
    "examples of a batch": f"{batch_size:,}",
    "forward passes per example": in_units(cost.forward),
    "backward passes per example": in_units(cost.backward),
    "operations of a step": in_units(cost.flop, "FLOP"),
    "operations of the run": in_units(num_steps * cost.flop, "FLOP"),
  }


def _rows_of_devices(
  rows: int, memory: float, reduced: float
) -> dict[str, str]:
  return {
    "examples on a device": f"{rows:,}",
    "peak memory of a device": in_units(memory, "B"),
    "all-reduced in a step": in_units(reduced, "B"),
  }


def _rows_of_time(
  time: StepTime, batch_size: int, num_steps: int
) -> dict[str, str]:
  return {
    "time of a step": _duration(time.total),
    "  of which computing": _duration(time.compute),
    "  of which all-reducing": _duration(time.all_reduce),
    "examples per second": in_units(batch_size / time.total),
    "time of the run": _duration(num_steps * time.total),
    "parallel efficiency": f"{time.efficiency:.1%}",
  }


def _assumptions(dtype: str, peak: float, cluster: Cluster) -> list[str]:
  given = cluster.peak_tflops is not None
  whose = "--peak_tflops" if given else f"an H100 SXM, dense {dtype} products"
  return [
    f"A device computes {peak * cluster.utilization:,.4g} TFLOP/s: "
    f"--utilization={cluster.utilization:g} of {peak:,.4g} TFLOP/s ({whose}), "
    "whatever the size of its batch.",
    f"It sends --bandwidth={cluster.bandwidth:g} GB/s in a ring of all n "
    "devices, 2 (n - 1) / n of the all-reduced bytes, after computing and not "
    "overlapped with it.",
    "Operations are those of matrix products and convolutions. The time has "
    "no compilation, evaluation or reading of data, and no runs that are "
    "trained before this one.",
    "Memory is that of the step as XLA compiles it for "
    f"{jax.default_backend()} here, with the State and the batch but without "
    "datasets of up to 1 GiB, which lie on each device.",
  ]


def _bytes(tree: PyTree) -> int:
  leaves = jax.tree.leaves(tree)
  return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)


def _duration(seconds: float) -> str:
  """Formats seconds, as in "38 ms", "2.5 s" or "3.1 h"."""
  if math.isnan(seconds):
    return "unknown"
  for unit, size in (("h", 3600), ("s", 1), ("ms", 1e-3)):
    if seconds >= size:
      return f"{seconds / size:,.3g} {unit}"
  return f"{1e6 * seconds:.3g} us"
