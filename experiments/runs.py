"""Runs and what is made of them: train, evaluate, and the demonstration."""

import pathlib
from typing import Any

import jax
from ml_collections import ConfigDict

from experiments import build, reports, workdir
from experiments.attack import attack
from experiments.build.imports import named_modules
from experiments.build.variant import with_overrides
from experiments.certify import certify
from experiments.cli import output
from experiments.evaluate import evaluate
from experiments.evaluate_attacks import evaluate_attacks
from experiments.load_run import load_run
from experiments.origin import origin
from experiments.warm_start import warm_start_of
from robust_jax import lookup, parallel, precision
from robust_jax.data.dataset import spec_of_batch
from robust_jax.models.from_torch import from_torch
from robust_jax.models.inference import inference_fn
from robust_jax.models.load_tensors import load_tensors
from robust_jax.training import loop
from robust_jax.types import Model

__all__ = [
  "attack",
  "certify",
  "control",
  "demo",
  "evaluate",
  "evaluate_attacks",
  "from_weights",
  "report",
  "train",
]


def train(
  config: ConfigDict, path: pathlib.Path, title: str = "training"
) -> loop.TrainResult:
  """Trains the run in `path`, or goes on with it, and says how it ended.

  Runs that it will be compared with are trained first, in folders of `path`. A
  section `control` lists changes of this config, which are trained in
  `path/control`. A section `independent_classifier` is a whole config, trained
  in a folder of that name unless `evaluation.independent_classifier` names a
  run. If the config names a `report`, that is made at the end.
  """
  if "report" in config:
    _check_report(config)
  for name, other in _beside(config).items():
    outcome = _train(other, path / name, f"{name:8}")
    if outcome.status == "interrupted":
      return outcome
  outcome = _train(config, path, title)
  if outcome.status == "finished" and "report" in config:
    report(path, config)
  return outcome


@precision.evaluation()
def report(
  path: pathlib.Path, config: ConfigDict, num_examples: int | None = None
) -> dict[str, Any]:
  """What the config's own report makes of the run in `path`.

  `report` is a member of `experiments.reports`, or anything importable as
  "package.module:function".

  Raises:
    ValueError: there is no such report.
  """
  make = lookup.find(reports, config.report)
  output.writable(path, "--workdir")
  return make(path, config, num_examples)


def control(config: ConfigDict) -> ConfigDict:
  """What the section `control` makes of the config; it has no report."""
  changed = with_overrides(config, config.control)
  with changed.unlocked():
    del changed.control
    if "report" in changed:
      del changed.report
  return changed


def _beside(config) -> dict[str, ConfigDict]:
  """Folder in the run's own -> the config of a run that is trained first."""
  found = {}
  if "control" in config:
    found["control"] = control(config)
  named = config.evaluation.get("independent_classifier")
  if "independent_classifier" in config and not named:
    found["independent_classifier"] = config.independent_classifier
  return found


def _check_report(config):
  """What the report will ask for is refused before hours of training."""
  lookup.find(reports, config.report)
  build.dataset(config, "test")
  if classifier := config.evaluation.get("independent_classifier"):
    workdir.read_config(pathlib.Path(classifier), named_modules(config))


def _train(config, path, title):
  experiment = build.experiment(config, warm_start_of(config))
  loop.dry_run(*experiment)
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


def from_weights(config: ConfigDict, weights: str) -> Model:
  """The config's model with PyTorch-layout tensors from a file.

  Args:
    config: says the model and how to evaluate it.
    weights: `.npz` or `.safetensors`.
  """
  dataset = build.dataset(config, "test")
  model = build.model(config, dataset.info)
  x = spec_of_batch(dataset)["x"]
  shapes = jax.eval_shape(model.init, jax.random.key(0), x)
  variables = from_torch(load_tensors(weights), shapes)
  return inference_fn(model, variables)


def demo(config: ConfigDict, path: pathlib.Path) -> int:
  """Trains a robust model and a standard one, and compares them."""
  standard = with_overrides(
    config,
    {
      "loss": {"name": "erm"},
      "training": {"monitor": "accuracy"},
    },
  )
  models, records = {}, {}
  for name, one in (("standard", standard), ("robust", config)):
    outcome = train(one, path / name, title=f"{name:8}")
    if outcome.status == "interrupted":
      return 130
    run = load_run(path / name, "best", named_modules(config))
    models[name], records[name] = run.classifier(), run.records
  evaluate(models, config, path, records=records)
  _say(
    f"\nIn {path}: report.json, training.png, robust_accuracy.png, "
    "examples.png; checkpoints, metrics.jsonl and TensorBoard events of each "
    "model in standard/ and robust/."
  )
  return 0


def _say(message: str) -> None:
  if parallel.is_lead():
    print(message)
