"""What a run is made from beside its config, by which it is known again."""

import pathlib

import jax
from ml_collections import ConfigDict

from experiments.warm_start import variables
from robust_jax import identity
from robust_jax.data.feed import Feed


def origin(
  config: ConfigDict, training: Feed, validation: Feed
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
    begun_with = variables(pathlib.Path(run))
    parts[f"the warm start from {run}"] = identity.of_arrays(begun_with)
  return parts


def _digest(feed: Feed) -> str:
  if jax.tree.leaves(feed.resident):
    return identity.of_arrays(feed.resident)
  request = next(iter(feed.requests(0)))
  # The first row is the same however many processes share the batch.
  return identity.of_arrays(jax.tree.map(lambda rows: rows[:1], request))
