"""Trained runs, opened at any of their checkpoints."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from experiments import build, workdir
from experiments.build.text_data import with_tokenizer
from robust_jax.data.dataset import Dataset, spec_of_batch
from robust_jax.models.inference import (
  Generator,
  SplitModel,
  features_and_head,
)
from robust_jax.training import log
from robust_jax.types import Model, PyTree, State, Task


@dataclasses.dataclass(frozen=True)
class Run:
  """A run at one of its checkpoints.

  Attributes:
    path: work directory of the run.
    config: config of the run.
    task: task of the run.
    state: State of the checkpoint.
    checkpoints: step -> validation metrics of all checkpoints, in order; empty
      for those that were not evaluated.
    records: records of the log.
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
  def seconds(self) -> float:
    """Seconds of all steps, without compilation and evaluations."""
    batch_size = self.config.training.batch_size
    return log.training_seconds(self.records, batch_size)

  @property
  def deployed(self) -> Any:
    """The deployed model, see `Task.deployed`."""
    return self.task.deployed(self.state)

  @property
  def variables(self) -> PyTree:
    """The variables of the deployed model, see `Task.variables`."""
    return self.task.variables(self.state)

  def dataset(self, split: str) -> Dataset:
    """Loads a split of the data that the deployed model is for."""
    return build.dataset(self.config, split)

  def classifier(self) -> Model:
    """Returns the deployed model, which has to be a classifier.

    Raises:
      ValueError: it is not a classifier.
    """
    is_one = lambda out: (
      isinstance(out, jax.ShapeDtypeStruct) and len(out.shape) == 2
    )
    return self._model(is_one, "classifier", "returns logits")

  def detector(self) -> Model:
    """Returns the deployed model, which has to be a detector of objects.

    Raises:
      ValueError: it is not a detector.
    """
    is_one = lambda out: (
      isinstance(out, dict) and {"heatmap", "boxes"} <= out.keys()
    )
    return self._model(is_one, "detector", "finds objects")

  def _model(
    self, is_one: Callable[[PyTree], bool], what: str, does: str
  ) -> Model:
    """Returns the deployed model if its outputs are as they should be."""
    deployed = self.deployed
    if callable(deployed):
      x = spec_of_batch(self.dataset("test"))["x"]
      if is_one(jax.eval_shape(deployed, x)):
        return deployed
    raise ValueError(
      f"{self.path} is a run of the task '{self.config.task.name}', which "
      f"deploys no {what}: expected a run whose model {does}."
    )

  def split_classifier(self) -> SplitModel:
    """Returns the deployed model as its features and its head.

    Raises:
      ValueError: it is no classifier of one model with both methods.
    """
    self.classifier()
    model = build.model(self.config, build.describe(self.config)[1])
    return features_and_head(model, self.variables)

  def generator(self) -> Generator:
    """Returns the deployed model, which has to be a generator.

    Raises:
      ValueError: it is not a generator.
    """
    deployed = self.deployed
    if isinstance(deployed, Generator):
      return deployed
    raise ValueError(
      f"{self.path} is a run of the task '{self.config.task.name}', which "
      "deploys no generator: expected a run such as that of "
      "experiments/configs/gan/mnist_r3gan.py."
    )

  def at(self, which: str | int) -> "Run":
    """Returns the run at another checkpoint, named as in `load_run`."""
    with workdir.open_checkpoints(self.path) as checkpoints:
      state = checkpoints.restore(which, self.state)
    return dataclasses.replace(self, state=state)

  def untrained(self) -> "Run":
    """Returns the run before its first step, without its warm start."""
    batch, _ = build.describe(self.config)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), batch)
    state = jax.jit(self.task.init)(jax.random.key(self.config.seed), zeros)
    return dataclasses.replace(self, state=state)


def load_run(
  path: pathlib.Path,
  which: str | int = "best",
  allow_imports: Iterable[str] = (),
) -> Run:
  """Opens a run, of any task.

  Args:
    path: work directory of the run.
    which: the checkpoint: "best", by the monitored metric, "last", or the step
      of one.
    allow_imports: modules whose functions the run's config may name.

  Raises:
    ValueError: there is no run, no such checkpoint or one of another model, the
      data are missing, or the config names a function of another module.
  """
  config = with_tokenizer(workdir.read_config(path, allow_imports), path)
  batch, facts = build.describe(config)
  task = build.task(config, facts, num_steps=1)
  template = jax.eval_shape(task.init, jax.random.key(0), batch)
  with workdir.open_checkpoints(path) as checkpoints:
    state = checkpoints.restore(which, template)
    metrics = checkpoints.metrics()
  return Run(path, config, task, state, metrics, log.read(path))
