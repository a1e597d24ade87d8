"""Frozen models of other runs, which a training loss learns from or attacks."""

import pathlib
from typing import Any

from ml_collections import ConfigDict

from experiments.build.imports import named_modules
from experiments.load_run import load_run

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


def runs_of(config: ConfigDict, section: str) -> list[str]:
  """Work directories that a section names by its `run` or its `runs`."""
  given = config.get(section, {})
  return [*filter(None, [given.get("run")]), *given.get("runs", ())]
