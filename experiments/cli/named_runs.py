"""Folders of runs and their configs, as flags name them."""

import pathlib

from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments import workdir
from experiments.cli import main_flags as given


def config() -> ConfigDict:
  """Returns the config of the command line.

  Raises:
    ValueError: there is none.
  """
  if given.CONFIG.value is None:
    raise ValueError(
      "a --config is needed, as in --config=experiments/configs/adversarial/"
      "mnist_pgd.py"
    )
  return given.CONFIG.value


def config_of(run: pathlib.Path) -> ConfigDict:
  """Returns the config of the command line, or that of the run."""
  allowed = given.ALLOW_IMPORTS.value
  return given.CONFIG.value or workdir.read_config(run, allowed)


def to_train() -> pathlib.Path:
  """Returns --workdir, or a folder named after the config."""
  if given.WORKDIR.value is not None:
    return pathlib.Path(given.WORKDIR.value)
  path = config_flags.get_config_filename(flags.FLAGS["config"])
  name, _, argument = path.partition(":")
  stem = pathlib.Path(name).stem
  return pathlib.Path("runs") / (f"{stem}_{argument}" if argument else stem)


def to_evaluate() -> pathlib.Path:
  """Returns the folder of the run that is evaluated.

  Raises:
    ValueError: no flag names one.
  """
  if given.CHECKPOINT.value is not None:
    return pathlib.Path(given.CHECKPOINT.value)
  if given.WORKDIR.value is None and given.CONFIG.value is None:
    raise ValueError(
      "a finished run is needed: give its directory as --checkpoint or as "
      "--workdir."
    )
  return to_train()


def report_folder(run: pathlib.Path, name: str) -> pathlib.Path:
  """Returns the folder of a report.

  It is --workdir if --checkpoint names the run, and a folder in the run
  otherwise, of a name that begins with the given one: a model behind a defense
  has other results than the model itself.
  """
  if given.CHECKPOINT.value is not None and given.WORKDIR.value is not None:
    return to_train()
  return run / "_".join([name, *(given.DEFENSE.value or ())[:1]])
