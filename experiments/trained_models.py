"""Frozen models of other runs, which a run learns from or is judged by."""

import pathlib
from typing import Any

from ml_collections import ConfigDict

from experiments.build.imports import named_modules
from experiments.load_run import Run, load_run

_FIELDS = {"teacher": "run", "surrogates": "runs"}


def trained_models(config: ConfigDict) -> dict[str, Any]:
  """The models of the runs that sections of a config name, at their best.

  A section is an argument of the training loss: `teacher`, of which the field
  `run` is a work directory, or `surrogates`, of which `runs` are several.

  Returns:
    Section -> `Model`, or a list of them; only sections that there are.

  Raises:
    ValueError: there is no run, no checkpoint in it, or the section has other
      fields.
  """
  models = {}
  for section, field in _FIELDS.items():
    if section not in config:
      continue
    given = config[section].to_dict()
    if given.keys() != {field}:
      raise ValueError(
        f"config.{section} = {given}: expected one field, `{field}`, work "
        "directories of trained classifiers."
      )
    found = [
      load_run(pathlib.Path(run), "best", named_modules(config)).classifier()
      for run in runs_of(config, section)
    ]
    models[section] = found if field == "runs" else found[0]
  return models


def independent_classifier(
  path: pathlib.Path, config: ConfigDict
) -> Run | None:
  """Opens the run of the classifier that judges what a run generates.

  It is that in `evaluation.independent_classifier`, or else, if the config has
  a section of that name, the one that `train` trained first, in
  `path/independent_classifier`.

  Args:
    path: work directory of the run that is judged.
    config: its config.

  Returns:
    The run at its best checkpoint; None if the config names none.

  Raises:
    ValueError: there is no run, or no checkpoint in it.
  """
  named = config.evaluation.get("independent_classifier")
  if not named and "independent_classifier" not in config:
    return None
  where = pathlib.Path(named) if named else path / "independent_classifier"
  return load_run(where, "best", named_modules(config))


def runs_of(config: ConfigDict, section: str) -> list[str]:
  """Work directories that a section names by its `run` or its `runs`."""
  given = config.get(section, {})
  return [*filter(None, [given.get("run")]), *given.get("runs", ())]
