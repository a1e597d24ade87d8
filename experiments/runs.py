"""Runs and what is made of them: train, evaluate, and the demonstration."""

import pathlib
import pkgutil
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

import experiments
from experiments import build, output, workdir
from experiments.audit import audit
from experiments.evaluate import Contender, evaluate
from experiments.imports import named_modules
from experiments.origin import origin
from experiments.variant import variant
from experiments.warm_start import began
from robust_jax import lookup, parallel
from robust_jax.data.dataset import Dataset
from robust_jax.data.images import image_shape
from robust_jax.models.from_torch import from_torch, load_tensors
from robust_jax.models.frozen import frozen
from robust_jax.training import log, loop

__all__ = [
  "audit",
  "control",
  "demo",
  "evaluate",
  "from_run",
  "from_weights",
  "report",
  "train",
]


def train(
  config: ConfigDict, path: pathlib.Path, title: str = "training"
) -> loop.Outcome:
  """Trains the run in `path`, or goes on with it, and says how it ended.

  A config with a section `control` is trained twice: with what that section
  changes, in `path/control`, and as it is. One that names a `report`, a
  function `(path, config, num_examples)`, ends with it.
  """
  if "report" in config:
    _check_report(config)
  if "control" in config:
    outcome = _train(control(config), path / "control", "control ")
    if outcome.status == "interrupted":
      return outcome
  outcome = _train(config, path, title)
  if outcome.status == "finished" and "report" in config:
    report(path, config)
  return outcome


def report(
  path: pathlib.Path, config: ConfigDict, num_examples: int | None = None
) -> dict[str, Any]:
  """What the config's own report makes of the run in `path`.

  `report` is a module of `experiments` that ends in "_report", named after its
  function, or anything importable as "package.module:function".

  Raises:
    ValueError: there is no such report.
  """
  make = _find_report(config)
  output.writable(path, "--workdir")
  return make(path, config, num_examples)


def _find_report(config):
  name = config.report
  own = sorted(
    module.name
    for module in pkgutil.iter_modules(experiments.__path__)
    if module.name.endswith("_report")
  )
  if name in own:
    name = f"experiments.{name}:{name}"
  elif not lookup.imported_module(name):
    raise ValueError(
      f"report = '{name}': wanted {', '.join(own)} or "
      "'package.module:function'."
    )
  return lookup.find("experiments", name)


def control(config: ConfigDict) -> ConfigDict:
  """What the section `control` makes of the config; it has no report."""
  changed = variant(config, config.control)
  with changed.unlocked():
    del changed.control
    if "report" in changed:
      del changed.report
  return changed


def _check_report(config):
  """What the report will ask for is refused before hours of training."""
  _find_report(config)
  parts = build.domains if "sources" in config.data else build.dataset
  parts(config, "test")
  if judge := config.evaluation.get("judge"):
    workdir.read_config(pathlib.Path(judge), named_modules(config))


def _train(config, path, title):
  experiment = build.experiment(config)
  loop.rehearse(*experiment)
  with output.locked(path, "--workdir"):
    began_with = origin(config, experiment.training, experiment.validation)
    workdir.open_run(path, config, began_with)
    outcome = loop.train(*experiment, jax.random.key(config.seed), path, title)
  if outcome.status == "interrupted":
    _say(
      f"interrupted: checkpoint of step {outcome.step} is in {path}; give the "
      "same command again to resume."
    )
  else:
    _say(
      f"{title.strip()}: {outcome.status} at step {outcome.step}; best "
      f"checkpoint: step {outcome.best_step}, in {path}"
    )
  return outcome


def from_run(
  path: pathlib.Path,
  config: ConfigDict | None = None,
  allow_imports: Iterable[str] = (),
) -> tuple[ConfigDict, Contender]:
  """The best model of a run, and the config to evaluate it by.

  Args:
    path: work directory of the run.
    config: replaces the run's own, to evaluate it otherwise.
    allow_imports: modules whose functions the run's config may name, beside
      those that `config` names.

  Raises:
    ValueError: no run there, no checkpoint yet, one of another model, or its
      config names a function of another module.
  """
  named = named_modules(config)
  trained = workdir.read_config(path, named.union(allow_imports))
  config = config or trained
  dataset = build.dataset(config, "test")
  model = build.model(config, dataset.fact("num_classes"))
  task = build.task(began(trained), model, num_steps=1)
  template = jax.eval_shape(task.init, jax.random.key(0), _batch(dataset))
  with workdir.open_checkpoints(path) as checkpoints:
    state = checkpoints.restore_best(template)
  return config, Contender(task.deployed(state), log.read(path))


def from_weights(
  config: ConfigDict, weights: str, path: pathlib.Path
) -> Contender:
  """The config's model with PyTorch-layout tensors from a file.

  Args:
    config: says the model and how to evaluate it.
    weights: `.npz` or `.safetensors`.
    path: work directory, created for the report.
  """
  dataset = build.dataset(config, "test")
  model = build.model(config, dataset.fact("num_classes"))
  shapes = jax.eval_shape(model.init, jax.random.key(0), _batch(dataset)["x"])
  variables = from_torch(load_tensors(weights), shapes)
  workdir.open_run(path, config)
  return Contender(frozen(model, variables), [])


def demo(config: ConfigDict, path: pathlib.Path) -> int:
  """Trains a robust model and a standard one, and compares them."""
  standard = variant(
    config,
    {
      "task": config.task.to_dict() | {"name": "supervised"},
      "training": {"monitor": "accuracy"},
    },
  )
  with standard.unlocked():
    del standard.attack
  contenders = {}
  for name, one in (("standard", standard), ("robust", config)):
    outcome = train(one, path / name, title=f"{name:8}")
    if outcome.status == "interrupted":
      return 130
    contenders[name] = from_run(path / name, one)[1]
  evaluate(contenders, config, path)
  _say(
    f"\nIn {path}: report.json, training.png, robust_accuracy.png, "
    "examples.png; checkpoints, metrics.jsonl and TensorBoard events of each "
    "model in standard/ and robust/."
  )
  return 0


def _batch(dataset: Dataset) -> dict[str, Any]:
  return {"x": jax.ShapeDtypeStruct((1, *image_shape(dataset)), np.float32)}


def _say(message: str) -> None:
  if parallel.is_lead():
    print(message)
