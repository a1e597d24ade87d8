"""A model of ours with weights in PyTorch's layout."""

import jax
import jax.numpy as jnp

from robust_jax import lookup
from robust_jax.models.from_torch import from_torch
from robust_jax.models.load_tensors import load_tensors


def trained(weights: str, name: str, shape: tuple[int, int, int]):
  """The linen module and its variables.

  Args:
    weights: file of tensors.
    name: of the model.
    shape: of an image.
  """
  model = lookup.find("models", name)()
  shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, *shape)))
  return model, from_torch(load_tensors(weights), shapes)
