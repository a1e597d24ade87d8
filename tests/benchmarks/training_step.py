"""A compiled training step that keeps its own state."""

from collections.abc import Callable, Iterator

import jax

from robust_jax import parallel
from robust_jax.types import PyTree, State, Task

KEY = jax.random.key(0)


def compiled_step(
  task: Task,
  batches: Iterator[PyTree],
  device_data: PyTree = (),
  decode: parallel.Decode = parallel.decode_batch,
) -> tuple[Callable[[], PyTree], dict[str, State]]:
  """Makes a training step on the devices, as the training loop calls it.

  Args:
    task: the task.
    batches: what the host sends for each step, see `data.loader`.
    device_data: what stays on the devices, as a `Loader` has it.
    decode: `(device_data, what the host sends) -> Batch`.

  Returns:
    A function without arguments that takes the next step and returns its
    metrics, and the dict in which it holds its `"state"`.
  """
  device_data = parallel.replicate(device_data)

  @jax.jit
  def initial(device_data, rows):
    return task.init(KEY, decode(device_data, rows))

  state = initial(device_data, next(batches))
  held = {"state": parallel.replicate(state)}
  step = parallel.pmap_step(task.step, decode)

  def run():
    held["state"], metrics = step(
      held["state"], device_data, next(batches), KEY
    )
    return metrics

  return run, held
