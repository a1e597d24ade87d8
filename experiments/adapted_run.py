"""A trained run between two domains, to be looked at again."""

import contextlib
import functools
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments import build, workdir
from experiments.warm_start import began
from robust_jax.data.concatenate import concatenate
from robust_jax.data.dataset import Dataset
from robust_jax.data.images import image_shape
from robust_jax.models.adapted import Adapted
from robust_jax.training import log
from robust_jax.training.checkpoint import Checkpoints
from robust_jax.types import State, Task


class AdaptedRun(NamedTuple):
  """What a run left.

  Attributes:
    task: what it was trained by.
    init: `() -> State`, as it began, if not with another run's network.
    template: of its states, the shapes.
    checkpoints: open.
    records: of its log.
  """

  task: Task
  init: Callable[[], State]
  template: State
  checkpoints: Checkpoints
  records: list[dict[str, Any]]

  def network(self, step: int) -> Adapted:
    """As it stood at a step, one of `checkpoints.measured()`."""
    return self.task.deployed(self.checkpoints.restore(step, self.template))

  def last(self) -> Adapted:
    """As it stood at the end."""
    return self.network(max(self.checkpoints.measured()))

  def untrained(self) -> Adapted:
    """Such a network before its first step."""
    return self.task.deployed(jax.jit(self.init)())


@contextlib.contextmanager
def adapted_run(
  path: pathlib.Path, allow_imports: Iterable[str] = ()
) -> Iterator[AdaptedRun]:
  """The run in `path`, its checkpoints open inside.

  Args:
    path: of the run.
    allow_imports: as `workdir.read_config` takes it.

  Raises:
    ValueError: there is none, or none of its checkpoints was evaluated.
  """
  config = began(workdir.read_config(path, allow_imports))
  _, target = build.domains(config, "validation")
  task = build.task(
    config, build.model(config, target.fact("num_classes")), num_steps=1
  )
  with workdir.open_checkpoints(path) as checkpoints:
    if not checkpoints.measured():
      raise ValueError(
        f"{path} has no evaluated checkpoint: train it first, for "
        "training.evaluate_every_steps steps at least."
      )
    init = functools.partial(
      task.init, jax.random.key(config.seed), _blank(image_shape(target))
    )
    yield AdaptedRun(
      task, init, jax.eval_shape(init), checkpoints, log.read(path)
    )


class Examples(NamedTuple):
  """Of one domain, on the host: x float32 `[N, H, W, C]`, y `[N]`."""

  x: np.ndarray
  y: np.ndarray


def examples(datasets: list[Dataset], most: int) -> Examples:
  """At most so many, spread over all: the datasets follow one another."""
  dataset = concatenate(datasets)
  count = min(most, len(dataset))
  batch = dataset.read(np.linspace(0, len(dataset) - 1, count).astype(int))
  return Examples(batch["x"].astype(np.float32) / 255, batch["y"])


def _blank(shape):
  x, ones = np.zeros((2, *shape), np.float32), np.ones(2, np.float32)
  zeros = np.zeros(2, np.int32)
  return {
    "source": {"x": x, "y": zeros, "mask": ones, "domain": zeros},
    "target": {"x": x, "mask": ones, "domain": zeros + 1},
  }
