"""Training of a config's run, and of the runs it is compared with."""

import math
import pathlib
import tempfile
from typing import Any

import jax
from ml_collections import ConfigDict

from experiments import (
  build,
  draw_pictures,
  feature_extractor,
  reports,
  workdir,
)
from experiments.build.imports import named_modules
from experiments.build.text_data import with_tokenizer
from experiments.build.with_overrides import with_overrides
from experiments.cli import output
from experiments.feature_extractor import FeatureExtractor
from experiments.origin import origin
from experiments.trained_models import trained_models
from experiments.warm_start import warm_start_of
from robust_jax import lookup, parallel, precision
from robust_jax.training import loop
from robust_jax.training.dry_run import dry_run
from robust_jax.training.step_cost import StepCost


def train(
  config: ConfigDict,
  path: pathlib.Path,
  title: str = "training",
  deadline: float = math.inf,
) -> loop.TrainResult:
  """Trains the run in `path`, or resumes it.

  Runs that it is compared with are trained first, in folders of `path`:

  - `control`, if the config has a section of that name, which lists changes of
    the config;
  - `independent_classifier`, if the config has a section of that name, which is
    a whole config, unless `evaluation.independent_classifier` names a run.

  A section `pictures` has pictures drawn at each evaluation, see
  `draw_pictures`, and animated at the end. Then the report is made that the
  config names, if any.

  Args:
    config: config of the run.
    path: work directory of the run.
    title: title of the progress bar.
    deadline: see `training.loop.train`.

  Returns:
    The result of the run, or of the first one that was interrupted.
  """
  if "report" in config:
    _check_report(config)
  for name, other in _other_runs(config).items():
    result = _train(other, path / name, f"{name:8}", deadline)
    if result.status == "interrupted":
      return result
  result = _train(config, path, title, deadline)
  if result.status == "finished" and "report" in config:
    make_report(path, config)
  return result


@precision.evaluation()
def make_report(
  path: pathlib.Path, config: ConfigDict, num_examples: int | None = None
) -> dict[str, Any]:
  """Makes the report that the config names, of the run in `path`.

  Args:
    path: work directory of a finished run.
    config: a config whose `report` is a member of `experiments.reports`, or
      "package.module:function".
    num_examples: number of test images; None for all.

  Raises:
    ValueError: there is no such report.
  """
  make = lookup.find(reports, config.report)
  output.writable(path, "--workdir")
  return make(path, config, num_examples)


def check(config: ConfigDict) -> None:
  """Refuses now what `train` would refuse before its first step.

  Nothing is kept. A run that is judged by a classifier of its own, which is not
  trained yet, is checked up to that classifier.

  Raises:
    ValueError: an option or a name is unknown or invalid, or data are missing.
  """
  if "report" in config:
    _check_report(config)
  runs = _other_runs(config)
  if "independent_classifier" not in runs:
    runs["itself"] = config
  with tempfile.TemporaryDirectory() as folder:
    for name, run in runs.items():
      _prepared(run, pathlib.Path(folder, name))


def control_config(config: ConfigDict) -> ConfigDict:
  """Returns the config of the control, with the changes of that section."""
  changed = with_overrides(config, config.control)
  with changed.unlocked():
    del changed.control
    if "report" in changed:
      del changed.report
  return changed


def _other_runs(config: ConfigDict) -> dict[str, ConfigDict]:
  """Folder -> config of the runs that are trained first."""
  found = {}
  if "control" in config:
    found["control"] = control_config(config)
  named = config.evaluation.get("independent_classifier")
  if "independent_classifier" in config and not named:
    found["independent_classifier"] = config.independent_classifier
  return found


def _check_report(config):
  """Refuses now what the report would refuse after hours of training."""
  lookup.find(reports, config.report)
  build.dataset(config, "test")
  if classifier := config.evaluation.get("independent_classifier"):
    workdir.read_config(pathlib.Path(classifier), named_modules(config))


def _train(
  config: ConfigDict, path: pathlib.Path, title: str, deadline: float
) -> loop.TrainResult:
  if (path / "config.json").exists():  # before anything is written there
    workdir.refuse_another(path, config)
  experiment, cost, extractor = _prepared(config, path)
  observe = draw_pictures.observer(config, experiment.task, path)
  with output.locked(path, "--workdir"):
    made_from = origin(config, experiment.training, experiment.validation)
    if extractor is not None:
      made_from["the feature extractor"] = extractor.digest
    workdir.open_run(path, config, made_from)
    key = jax.random.key(config.seed)
    result = loop.train(*experiment, key, path, title, deadline, observe, cost)
    if result.status != "interrupted" and parallel.is_lead():
      draw_pictures.animate(path)
  # All processes open the checkpoints: Orbax waits for each of them.
  best_and_last = _best_and_last(config, path)
  if not parallel.is_lead():
    return result
  if result.status == "interrupted":
    print(
      f"interrupted: checkpoint of step {result.step} is in {path}; give the "
      "same command again to resume."
    )
  else:
    print(
      f"{title.strip()}: {result.status} at step {result.step}; best "
      f"checkpoint: step {result.best_step}{best_and_last}, in "
      f"{path}"
    )
  return result


def _prepared(
  config: ConfigDict, path: pathlib.Path
) -> tuple[build.Experiment, StepCost, FeatureExtractor | None]:
  """Builds and traces all that training needs, with its feature extractor."""
  extractor = feature_extractor.for_evaluator(path, config)
  tokenized = with_tokenizer(config, path, train=True)
  experiment = build.experiment(
    tokenized,
    warm_start_of(tokenized),
    trained_models(config) | feature_extractor.facts_of(extractor),
  )
  return experiment, dry_run(*experiment), extractor


def _best_and_last(config: ConfigDict, path: pathlib.Path) -> str:
  """Says the monitored metric at the best checkpoint and at the last one.

  The two differ by more than most methods do where training overfits.
  """
  metric = config.training.monitor
  with workdir.open_checkpoints(path) as checkpoints:
    values = checkpoints.metrics()
    best_step = checkpoints.best_step()
  best = values.get(best_step or 0, {}).get(metric)
  last = values.get(max(values, default=0), {}).get(metric)
  if best is None or last is None:
    return ""
  return f", {metric} {best:.4g} there and {last:.4g} at the last"
