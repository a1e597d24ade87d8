"""Models to evaluate or attack, as flags name them."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Collection
from typing import Any, NamedTuple, cast

from ml_collections import ConfigDict

from experiments.adversarial_examples.images import LabeledImages
from experiments.build import imports
from experiments.build.text_data import with_tokenizer
from experiments.cli import main_flags as given
from experiments.cli import named_options, named_runs
from experiments.configs import common
from experiments.defended import defended
from experiments.from_weights import from_weights
from experiments.load_run import Run, load_run
from experiments.texts.recipes import Tables
from robust_jax.types import Model, Norm


class NamedModels(NamedTuple):
  """Classifiers, and what an evaluation needs to know of them.

  Attributes:
    models: name -> classifier; of a defended one, the one behind it as well.
    config: config of their data and attacks.
    records: name -> log of its training, if there is one.
  """

  models: dict[str, Model]
  config: ConfigDict
  records: dict[str, list[dict[str, Any]]]

  def only(self) -> Model:
    """Returns the one to attack or certify, behind its defense if it has one.

    Raises:
      ValueError: several checkpoints are named, or a baseline.
    """
    refuse_baseline()
    if len(given.WHICH.value) > 1:
      raise ValueError(
        f"--which={','.join(given.WHICH.value)}: expected one checkpoint to "
        "attack or certify."
      )
    return list(self.models.values())[-1]

  def with_baseline(self) -> "NamedModels":
    """Adds the model of --baseline, before the others."""
    if given.BASELINE.value is None:
      return self
    run = _load_run(pathlib.Path(given.BASELINE.value))
    name = run.path.name
    return self._replace(
      models={name: run.classifier()} | self.models,
      records={name: run.records} | self.records,
    )


def load(
  path: pathlib.Path, images: LabeledImages | None = None
) -> NamedModels:
  """Opens the run in a folder, or the tensors of --weights.

  Args:
    path: folder of the run, or the file.
    images: images of --data, for which a file of tensors needs no config.

  Raises:
    ValueError: the run is not one of a classifier, or of another model than
      that of --config.
  """
  name = pathlib.Path(given.WORKDIR.value or path).name
  if given.WEIGHTS.value is not None:
    needs_none = images is not None and given.CONFIG.value is None
    config = _config_of_flags() if needs_none else named_runs.config()
    config = _with_model(config)
    model = from_weights(
      config, given.WEIGHTS.value, given.LAYOUT.value, images
    )
    models = {name: model}
    return NamedModels(_with_defense(models, config), config, {})
  config = named_runs.config_of(path)
  if "report" in config:
    raise ValueError(
      f"--attack: runs like this one are evaluated by '{config.report}', "
      "which runs no attacks: leave --attack out."
    )
  run = _load_run(path)
  refuse_another_model(run, config)
  models = _at_checkpoints(run, name)
  records = {next(iter(models)): run.records}
  return NamedModels(_with_defense(models, config), config, records)


def _config_of_flags() -> ConfigDict:
  """Returns a config of the ball of --norm and --eps, for any network."""
  norm, eps = given.NORM.value, given.EPS.value
  if given.MODEL.value is None or norm is None or eps is None:
    raise ValueError(
      "--weights without --config needs --model, --norm and --eps, as in "
      "--model=wide_resnet,depth=28,widen=10 --norm=linf --eps=8/255."
    )
  return common.classifier("images of --data", "", eps, cast(Norm, norm))


def _with_model(config: ConfigDict) -> ConfigDict:
  """Returns the config with the network of --model, if one is given."""
  if given.MODEL.value is None:
    return config
  changed = ConfigDict(config.to_dict())
  # Commas separate options, but not the numbers of a tuple.
  parts = re.split(r",(?![^(]*\))", given.MODEL.value)
  changed.model = named_options.section(parts)
  return changed


def refuse_unused_flags() -> None:
  """Refuses flags that describe the file of --weights, where there is none.

  Raises:
    ValueError: one is given.
  """
  if given.WEIGHTS.value is not None:
    return
  for flag in (given.MODEL, given.LAYOUT):
    if flag.value is not None:
      raise ValueError(
        f"--{flag.name}={flag.value}: it describes a file of tensors; name one "
        "by --weights, or leave it out."
      )


def refuse_baseline() -> None:
  """Refuses --baseline where one model alone is evaluated or attacked.

  Raises:
    ValueError: it is given.
  """
  if given.BASELINE.value is not None:
    raise ValueError(
      f"--baseline={given.BASELINE.value}: only classifiers of images that are "
      "evaluated without --attack and --certify have a baseline; leave it out, "
      "or compare models by ./launch.sh compare."
    )


def run_of_texts(path: pathlib.Path) -> Run | None:
  """Opens a run of a classifier of texts; None for any other.

  Raises:
    ValueError: a baseline is named, or another model than that of the run.
  """
  if given.WEIGHTS.value is not None:
    return None
  config = named_runs.config_of(path)
  if config.data.kind != "text":
    return None
  refuse_baseline()
  run = _load_run(path)
  refuse_another_model(run, config)
  return dataclasses.replace(run, config=with_tokenizer(config, run.path))


def of_texts() -> tuple[dict[str, Any], Tables]:
  """Returns the section of --defense, empty without it, and tables of words."""
  parts = given.DEFENSE.value
  defense = named_options.section(parts) if parts else {}
  return defense, Tables(given.WORDNET.value, given.NEIGHBORS.value)


def refuse_another_model(run: Run, config: ConfigDict) -> None:
  """Checks that the model of a config is that of the run.

  Raises:
    ValueError: it is another one.
  """
  # As JSON, in which the run has its config: tuples are lists there.
  here, there = (
    json.loads(one.get("model", ConfigDict()).to_json())
    for one in (config, run.config)
  )
  if here != there:
    raise ValueError(
      f"--config has the model {here}, but the run in {run.path} has {there}: "
      "give a config of that model, or none."
    )


def one_run(path: pathlib.Path, purpose: str) -> Run:
  """Opens a run at the checkpoint of --which.

  Args:
    path: folder of the run.
    purpose: what it is opened for, as in "sample from", for the message.

  Raises:
    ValueError: several checkpoints are named.
  """
  if len(given.WHICH.value) > 1:
    raise ValueError(
      f"--which={','.join(given.WHICH.value)}: expected one checkpoint to "
      f"{purpose}."
    )
  return _load_run(path)


def _at_checkpoints(run: Run, name: str) -> dict[str, Model]:
  """Returns the classifier at each checkpoint of --which, by its name."""
  if len(given.WHICH.value) == 1:
    return {name: run.classifier()}
  found = {}
  for which in given.WHICH.value:
    run = run.at(_checkpoint_name(which))
    found[f"{name}, {which} (step {run.step})"] = run.classifier()
  return found


def _with_defense(
  models: dict[str, Model], config: ConfigDict
) -> dict[str, Model]:
  """Returns the models, and each of them behind the defense, if any."""
  section = config.evaluation.get("defense")
  if given.DEFENSE.value is not None:
    section = named_options.section(given.DEFENSE.value)
  if section is None:
    return models
  allowed = _allowed_imports()
  return models | {
    f"{name} behind {section['name']}": defended(model, section, allowed)
    for name, model in models.items()
  }


def _load_run(path: pathlib.Path) -> Run:
  which = _checkpoint_name(given.WHICH.value[0])
  return load_run(path, which, _allowed_imports())


def _checkpoint_name(which: str) -> str | int:
  return int(which) if which.isdigit() else which


def _allowed_imports() -> Collection[str]:
  """Returns --allow_imports and the modules that the user's config names."""
  named = imports.named_modules(given.CONFIG.value or {})
  return named.union(given.ALLOW_IMPORTS.value)
