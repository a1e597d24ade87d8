"""The origin of a run: fingerprints of its data and of its warm start."""

import pathlib

import jax
from ml_collections import ConfigDict

from experiments.build.imports import named_modules
from experiments.load_run import load_run
from experiments.trained_models import runs_of
from robust_jax import fingerprint
from robust_jax.data.loader import Loader

# Section of a config that names another run -> what that is to this one.
_OTHER_RUNS = {
  "warm_start": "the warm start from",
  "teacher": "the teacher",
  "surrogates": "the surrogate",
}


def origin(
  config: ConfigDict, training: Loader, validation: Loader
) -> dict[str, str]:
  """Computes fingerprints of everything but the config that defines a run.

  Data on the devices are read completely; of streamed data, only the first
  example is.

  Args:
    config: config of the run.
    training: loader of the training data.
    validation: loader of the validation data.

  Returns:
    Description -> fingerprint.
  """
  parts = {
    "the training data": _digest(training),
    "the validation data": _digest(validation),
  }
  for section, what in _OTHER_RUNS.items():
    for run in runs_of(config, section):
      which = config[section].get("which", "best")
      other = load_run(pathlib.Path(run), which, named_modules(config))
      parts[f"{what} {run}"] = fingerprint.of_arrays(other.variables)
  return parts


def _digest(loader: Loader) -> str:
  if jax.tree.leaves(loader.device_data):
    return fingerprint.of_arrays(loader.device_data)
  streamed = next(iter(loader.indices(0)))
  # The first row does not depend on the number of processes.
  return fingerprint.of_arrays(jax.tree.map(lambda rows: rows[:1], streamed))
