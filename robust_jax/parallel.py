"""Data parallelism over devices and processes.

With `distributed`, this is the only module that knows about devices. A task is
written for one device's part of the global batch and marks, with `mean` and
`total`, what is reduced over devices. `pmap_step` runs it on all devices of all
processes. `simulate_step` runs the same body under `vmap` on one device, for
debugging and as the reference of the tests. The state has no device axis, so a
checkpoint does not depend on the number of devices.

The data that the host sends for a batch (`data.loader`) and the data that stay
on the device are turned into a batch by `decode`, inside the compiled program.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from robust_jax.types import Batch, Key, Metrics, PyTree, State

AXIS = "devices"
ALL_REDUCE = "psum"
"""The primitive of `mean` and `total` in a traced program."""

Decode = Callable[[PyTree, PyTree], Batch]


def decode_batch(device_data: PyTree, batch: Batch) -> Batch:
  """A `decode` for data that is a batch already."""
  del device_data
  return batch


def mean(tree: PyTree) -> PyTree:
  """The mean over all devices of all processes; inside a step only."""
  return jax.lax.pmean(tree, AXIS)


def total(tree: PyTree) -> PyTree:
  """The sum over all devices of all processes; inside a step only."""
  return jax.lax.psum(tree, AXIS)


def gather(tree: PyTree) -> PyTree:
  """Concatenates the rows of all devices, on each device; inside a step only.

  It is for quantities that are not averages over examples, such as a
  covariance. The gradient of a function of gathered rows, averaged by `mean`,
  is that of the whole batch.
  """
  return jax.tree.map(
    lambda rows: jax.lax.all_gather(rows, AXIS, tiled=True), tree
  )


class OnDevices:
  """`body(state, inputs)` on each device; `in_axes` are those of the inputs.

  It is called with `(state, device_data, indices, *rest)`.

  The inputs are one tuple because pmap matches a flat `in_axes` with leaves
  instead of arguments if their numbers happen to be equal (jax 0.10.2 and
  0.11.2), and a batch could silently be passed whole to every device.
  """

  def __init__(self, body, in_axes, devices=None, donate_argnums=()):
    devices = devices or jax.local_devices()
    self._num_devices = len(devices)
    self._vmapped = _vmapped(body, in_axes)
    self._checked = False
    self._compiled = jax.pmap(
      body,
      axis_name=AXIS,
      in_axes=(None, in_axes),
      out_axes=None,
      devices=None if devices == jax.local_devices() else devices,
      donate_argnums=donate_argnums,
    )

  def __call__(self, state, device_data, indices, *rest):
    inputs = (device_data, _split(indices, self._num_devices), *rest)
    if not self._checked:
      _check_replicated(self._vmapped, state, inputs)
      self._checked = True
    return self._compiled(state, inputs)

  def lower(self, state, device_data, indices, *rest) -> jax.stages.Lowered:
    """Lowers it for arguments or their shapes, as jitted functions are."""
    split = lambda indices: _split(indices, self._num_devices)
    inputs = (device_data, jax.eval_shape(split, indices), *rest)
    return self._compiled.lower(state, inputs)


def pmap_step(
  step: Callable[[State, Batch, Key], tuple[State, Metrics]],
  decode: Decode = decode_batch,
  devices: Sequence[jax.Device] | None = None,
) -> OnDevices:
  """Compiles a training step for all devices.

  The first call also traces the step under `vmap`, since `pmap` would silently
  return the first device's output where a `mean` is missing.

  Args:
    step: `(State, Batch, Key) -> (State, Metrics)`, as in `types.Task`.
    decode: `(device_data, indices) -> Batch`, as in `data.loader`.
    devices: devices of this process to use; all by default.

  Returns:
    `(state, device_data, indices, key) -> (state, metrics)`. The leaves of
    `indices` have this process's rows as their leading axis; `key` is folded
    with the step and the device; `state` is donated.

  Raises:
    ValueError: the number of rows is not divisible by the number of devices, or
      an output differs between devices.
  """

  def body(state, inputs):
    device_data, indices, key = inputs
    return step(state, decode(device_data, indices), _fold(key, state.step))

  return OnDevices(body, (None, 0, None), devices, donate_argnums=0)


def pmap_evaluate(
  evaluate: Callable[[PyTree, Batch, Key], Metrics],
  decode: Decode = decode_batch,
) -> OnDevices:
  """Compiles an evaluation for all devices, with metrics summed over them.

  Args:
    evaluate: `(state, Batch, Key) -> Metrics`, as in `types.Task`.
    decode: `(device_data, indices) -> Batch`, as in `data.loader`.

  Returns:
    `(state, device_data, indices, key, index) -> metrics`, where `index` is the
    number of the batch, with which the key is folded.
  """

  def body(state, inputs):
    device_data, indices, key, index = inputs
    batch = decode(device_data, indices)
    return total(evaluate(state, batch, _fold(key, index)))

  return OnDevices(body, (None, 0, None, None))


def simulate_step(
  step: Callable[[State, Batch, Key], tuple[State, Metrics]],
  num_devices: int,
  decode: Decode = decode_batch,
) -> Callable[[State, PyTree, PyTree, Key], tuple[State, Metrics]]:
  """`pmap_step` on `num_devices` simulated devices, on one real device.

  Args:
    step: `(State, Batch, Key) -> (State, Metrics)`, as in `types.Task`.
    num_devices: number of simulated devices.
    decode: `(device_data, indices) -> Batch`, as in `data.loader`.

  Returns:
    `(state, device_data, indices, key) -> (state, metrics)`.
  """

  def body(state, inputs):
    device_data, indices, key = inputs
    return step(state, decode(device_data, indices), _fold(key, state.step))

  mapped = jax.jit(_vmapped(body, (None, 0, None)))

  def run(state, device_data, indices, key):
    return mapped(state, (device_data, _split(indices, num_devices), key))

  return run


def _fold(key: Key, count) -> Key:
  return jax.random.fold_in(
    jax.random.fold_in(key, count), jax.lax.axis_index(AXIS)
  )


def _vmapped(body, in_axes):
  return jax.vmap(body, in_axes=(None, in_axes), out_axes=None, axis_name=AXIS)


def _check_replicated(vmapped, *args):
  try:
    jax.eval_shape(vmapped, *args)
  except ValueError as error:
    if "out_axes" not in str(error):
      raise
    raise ValueError(
      "an output of the step differs between devices: some gradient, "
      "statistic or metric is not yet averaged or summed over them. Pass it "
      "through parallel.mean or parallel.total. " + str(error)
    ) from error


def _split(indices: PyTree, num_devices: int) -> PyTree:
  """Rows `[b, ...]` -> `[num_devices, b / num_devices, ...]`."""

  def split(rows):
    if rows.shape[0] % num_devices:
      raise ValueError(
        f"a batch of {rows.shape[0]} rows does not divide by {num_devices} "
        "devices: choose a batch size that is a multiple of their number."
      )
    return rows.reshape(num_devices, -1, *rows.shape[1:])

  return jax.tree.map(split, indices)


def replicate(tree: PyTree) -> PyTree:
  """Places a whole tree on every device of this process, once."""
  mesh = Mesh(np.asarray(jax.local_devices()), (AXIS,))
  return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def spread(tree: PyTree) -> PyTree:
  """Distributes rows evenly over the devices of this process.

  A jitted function of them runs on all devices, with the same results as on
  one. It is for computations other than training steps, without reductions. If
  the number of rows is not divisible by that of devices, they are not moved.

  Args:
    tree: leaves with the rows as their leading axis.
  """
  devices = jax.local_devices()
  rows = len(jax.tree.leaves(tree)[0])
  if len(devices) == 1 or rows % len(devices):
    return tree
  mesh = Mesh(np.asarray(devices), (AXIS,))
  return jax.device_put(tree, NamedSharding(mesh, PartitionSpec(AXIS)))


def local_rows(batch_size: int) -> slice:
  """The rows of a global batch that belong to this process.

  Args:
    batch_size: size of the global batch.

  Raises:
    ValueError: the batch size is not divisible by the number of devices.
  """
  rows_per_device(batch_size, jax.device_count())
  rows = batch_size // jax.process_count()
  return slice(jax.process_index() * rows, (jax.process_index() + 1) * rows)


def rows_per_device(batch_size: int, num_devices: int) -> int:
  """The rows of a global batch that each device gets.

  Args:
    batch_size: size of the global batch.
    num_devices: number of devices of all processes.

  Raises:
    ValueError: the batch size is not divisible by the number of devices.
  """
  if batch_size < 1 or batch_size % num_devices:
    raise ValueError(
      f"batch size {batch_size} does not divide by the {num_devices} "
      "devices: choose a multiple of their number."
    )
  return batch_size // num_devices


def is_lead() -> bool:
  """Returns whether this is the process that prints, logs and plots."""
  return jax.process_index() == 0


def num_processes() -> int:
  """Number of processes that run this program together."""
  return jax.process_count()


def any_process(flag: bool) -> bool:
  """Returns whether the flag is set in any process.

  All processes must call it at the same step.
  """
  if jax.process_count() == 1:
    return flag
  return bool(_any_device(np.full(jax.local_device_count(), flag, np.int32)))


@functools.cache
def _any_device_compiled():
  return jax.pmap(lambda v: jax.lax.pmax(v, AXIS), AXIS, out_axes=None)


def _any_device(flags):
  return _any_device_compiled()(flags)
