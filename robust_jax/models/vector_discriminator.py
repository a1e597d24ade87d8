"""A discriminator of real and generated vectors."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.mlp import MLP
from robust_jax.types import Array


class VectorDiscriminator(nn.Module):
  """A multilayer perceptron from vectors to one logit.

  Attributes:
    hidden: width of each hidden layer.
    dtype: of the computation, see `robust_jax.precision`.
  """

  hidden: Sequence[int] = (128, 128)
  dtype: DTypeLike = jnp.float32

  def setup(self):
    self.mlp = MLP(self.hidden, 1, dtype=self.dtype)
    nn.share_scope(self, self.mlp)

  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """x `[B, F]` -> logits `[B]`, above 0 where x is taken for real."""
    return self.mlp(x, train=train)[:, 0]
