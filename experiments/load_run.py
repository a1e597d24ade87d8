"""A trained run, opened: whatever its task, and at any of its checkpoints."""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from experiments import build, workdir
from robust_jax.data.dataset import Dataset, spec_of_batch
from robust_jax.training import log
from robust_jax.types import Model, PyTree, State, Task


@dataclasses.dataclass(frozen=True)
class Run:
  """A run at one of its checkpoints.

  Attributes:
    path: its work directory.
    config: by which it was trained.
    task: by which it was trained, to evaluate and deploy its states.
    state: at the checkpoint.
    checkpoints: step -> validation metrics, of every checkpoint there is, in
      order; empty metrics where a checkpoint was not evaluated.
    records: of its log.
  """

  path: pathlib.Path
  config: ConfigDict
  task: Task
  state: State
  checkpoints: Mapping[int, Mapping[str, float]]
  records: list[dict[str, Any]]

  @property
  def step(self) -> int:
    """The step of the checkpoint."""
    return int(self.state.step)

  @property
  def deployed(self) -> Any:
    """The deployed model, see `Task.deployed`."""
    return self.task.deployed(self.state)

  @property
  def variables(self) -> PyTree:
    """Those of the model that is deployed, see `Task.variables`."""
    return self.task.variables(self.state)

  def dataset(self, split: str) -> Dataset:
    """The part `split` of the data that the deployed model is for."""
    return build.dataset(self.config, split)

  def classifier(self) -> Model:
    """The deployed model, if it is a classifier.

    Raises:
      ValueError: it is something else.
    """
    deployed = self.deployed
    if callable(deployed):
      x = spec_of_batch(self.dataset("test"))["x"]
      answers = jax.eval_shape(deployed, x)
      if isinstance(answers, jax.ShapeDtypeStruct) and len(answers.shape) == 2:
        return deployed
    raise ValueError(
      f"{self.path} is a run of the task '{self.config.task.name}', which "
      "deploys no classifier: expected one whose model answers by logits."
    )

  def at(self, which: str | int) -> "Run":
    """The same run at another checkpoint, named as in `load_run`."""
    with workdir.open_checkpoints(self.path) as checkpoints:
      state = checkpoints.restore(which, self.state)
    return dataclasses.replace(self, state=state)

  def untrained(self) -> "Run":
    """The same run before its first step, without its warm start."""
    batch, _ = build.describe(self.config)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), batch)
    state = jax.jit(self.task.init)(jax.random.key(self.config.seed), zeros)
    return dataclasses.replace(self, state=state)


def load_run(
  path: pathlib.Path,
  which: str | int = "best",
  allow_imports: Iterable[str] = (),
) -> Run:
  """Opens the run in `path`.

  Args:
    path: its work directory.
    which: the checkpoint: "best", by the metric that training monitored,
      "last", or the step of one.
    allow_imports: modules whose functions the run's config may name.

  Raises:
    ValueError: there is no run, no such checkpoint or one of another model,
      its data are not there, or its config names a function of another module.
  """
  config = workdir.read_config(path, allow_imports)
  batch, facts = build.describe(config)
  task = build.task(config, facts, num_steps=1)
  template = jax.eval_shape(task.init, jax.random.key(0), batch)
  with workdir.open_checkpoints(path) as checkpoints:
    state = checkpoints.restore(which, template)
    metrics = checkpoints.metrics()
  return Run(path, config, task, state, metrics, log.read(path))
