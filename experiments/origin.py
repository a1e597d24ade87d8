"""What a run is made from beside its config, by which it is known again."""

import pathlib

import jax
from ml_collections import ConfigDict

from experiments.build.imports import named_modules
from experiments.load_run import load_run
from robust_jax import fingerprint
from robust_jax.data.loader import Loader


def origin(
  config: ConfigDict, training: Loader, validation: Loader
) -> dict[str, str]:
  """Digests of the data, and of the variables that the run begins with.

  Data that stay on the devices count whole. Of data that are streamed, only the
  first example is read.

  Args:
    config: of the run.
    training: the data.
    validation: the data by which the best checkpoint is chosen.
  """
  parts = {
    "the training data": _digest(training),
    "the validation data": _digest(validation),
  }
  if run := config.get("warm_start", {}).get("run"):
    begun_with = load_run(pathlib.Path(run), "best", named_modules(config))
    digest = fingerprint.of_arrays(begun_with.variables)
    parts[f"the warm start from {run}"] = digest
  return parts


def _digest(loader: Loader) -> str:
  if jax.tree.leaves(loader.device_data):
    return fingerprint.of_arrays(loader.device_data)
  streamed = next(iter(loader.indices(0)))
  # The first row is the same however many processes share the batch.
  return fingerprint.of_arrays(jax.tree.map(lambda rows: rows[:1], streamed))
