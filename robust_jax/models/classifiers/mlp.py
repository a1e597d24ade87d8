"""Multilayer perceptron (MLP)."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.types import Array


class MLP(nn.Module):
  """Multilayer perceptron: dense layers with relu between them.

  Without hidden layers it is logistic regression. It does not normalize x.

  Attributes:
    features: width of each hidden layer.
    num_classes: K.
    dropout: dropout rate of each hidden layer in training.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import MLP
    >>> model, x = MLP(features=(8,), num_classes=3), jnp.ones((2, 4, 4, 1))
    >>> init = jax.jit(model.init_with_output)
    >>> logits, variables = init(jax.random.key(0), x)
    >>> logits.shape
    (2, 3)
  """

  features: Sequence[int] = (200, 200)
  num_classes: int = 10
  dropout: float = 0.0
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """Computes logits `[B, K]` of x `[B, ...]`, which it flattens.

    With `train=True` and dropout, `apply` needs `rngs={"dropout": key}`.
    """
    x = x.reshape(x.shape[0], -1)
    for width in self.features:
      x = nn.relu(nn.Dense(width, dtype=self.dtype)(x))
      x = nn.Dropout(self.dropout, deterministic=not train)(x)
    return nn.Dense(self.num_classes)(x)
