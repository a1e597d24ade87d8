"""A multilayer perceptron."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.types import Array


class MLP(nn.Module):
  """Dense layers with relu between them; without hidden ones, logistic
  regression.

  Attributes:
    features: width of each hidden layer.
    num_classes: K.
    dropout: the fraction of each hidden layer that a training step leaves out.
    dtype: of the computation, see `robust_jax.precision`.
  """

  features: Sequence[int] = (200, 200)
  num_classes: int = 10
  dropout: float = 0.0
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """x `[B, ...]` -> logits `[B, K]`.

    With `train` and dropout, `apply` takes `rngs={"dropout": key}`.
    """
    x = x.reshape(x.shape[0], -1)
    for width in self.features:
      x = nn.relu(nn.Dense(width, dtype=self.dtype)(x))
      x = nn.Dropout(self.dropout, deterministic=not train)(x)
    return nn.Dense(self.num_classes)(x)
