"""Models with published PyTorch weights, to be evaluated."""

import pathlib

import jax
from ml_collections import ConfigDict

from experiments import build
from robust_jax.data.dataset import spec_of_batch
from robust_jax.models.from_torch import from_torch
from robust_jax.models.inference import inference_fn
from robust_jax.models.load_tensors import load_tensors
from robust_jax.types import Model


def from_weights(config: ConfigDict, weights: pathlib.Path | str) -> Model:
  """Makes the model of a config with tensors from a file.

  Args:
    config: config of the model, its data and its evaluation.
    weights: tensors in PyTorch's layout, `.npz` or `.safetensors`.

  Returns:
    The frozen model.

  Raises:
    ValueError: the file cannot be read, or its tensors do not fit the model.
  """
  dataset = build.dataset(config, "test")
  model = build.model(config, dataset.info)
  x = spec_of_batch(dataset)["x"]
  shapes = jax.eval_shape(model.init, jax.random.key(0), x)
  variables = from_torch(load_tensors(weights), shapes)
  return inference_fn(model, variables)
