"""The frozen model of another run, which a training loss learns from."""

import pathlib

from ml_collections import ConfigDict

from experiments.build.imports import named_modules
from experiments.load_run import Run, load_run


def teacher_of(config: ConfigDict) -> Run | None:
  """The run that the section `teacher` names by its `run`, at its best.

  Raises:
    ValueError: there is no run, no checkpoint in it, or the section has other
      fields.
  """
  if "teacher" not in config:
    return None
  section = config.teacher.to_dict()
  if section.keys() != {"run"}:
    raise ValueError(
      f"config.teacher = {section}: expected one field, `run`, the work "
      "directory of a trained classifier."
    )
  return load_run(pathlib.Path(section["run"]), "best", named_modules(config))
