"""The training step of a config, described without its training data."""

from collections.abc import Iterator

import jax
from ml_collections import ConfigDict

from experiments import build
from experiments.trained_models import trained_models
from robust_jax import parallel
from robust_jax.data.dataset import spec_of_batch
from robust_jax.data.loader import Loader, num_rows
from robust_jax.training.step_cost import shapes_of_step, step_cost
from robust_jax.types import PyTree, Task


def described_step(config: ConfigDict) -> tuple[Task, Loader]:
  """Builds what `training.step_cost` counts.

  Args:
    config: config of a run. One of texts names a trained tokenizer, see
      `build.text_data.with_tokenizer`, or has one trained now.

  Returns:
    The task, and a loader whose batches are of `jax.ShapeDtypeStruct`, like
    those of test data.

  Raises:
    ValueError: an option does not fit, or data or a trained model are missing.
  """
  batch, facts = build.describe(config)
  if "variants" in config.data:  # which only training examples come with
    batch = spec_of_batch(build.dataset(config, "train"))
  task = build.task(config, {**facts, **trained_models(config)}, num_steps=1)

  def resized(leaf):
    rows = leaf.shape[0] * config.training.batch_size // num_rows(batch)
    return jax.ShapeDtypeStruct((rows, *leaf.shape[1:]), leaf.dtype)

  full = jax.tree.map(resized, batch)

  def batches(start: int) -> Iterator[PyTree]:
    del start
    yield full

  return task, Loader((), batches, parallel.decode_batch, num_steps=1)


def passes_of_step(config: ConfigDict) -> dict[str, float]:
  """Passes through the models in a step, per example: forward, backward."""
  cost = _cost(config)
  return {"forward": cost.forward, "backward": cost.backward}


def flop_of_step(config: ConfigDict) -> float:
  """Floating point operations of a step, see `robust_jax.flop`."""
  return _cost(config).flop


def _cost(config):
  task, training = described_step(config)
  return step_cost(task, training, *shapes_of_step(task, training))
