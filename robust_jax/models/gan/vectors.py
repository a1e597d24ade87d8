"""Generator and discriminator of vectors: multilayer perceptrons."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.classifiers.mlp import MLP
from robust_jax.types import Array


class VectorGenerator(nn.Module):
  """A multilayer perceptron from latents to vectors.

  Attributes:
    num_features: F, the length of a vector.
    hidden: width of each hidden layer.
    dtype: of the computation, see `robust_jax.precision`.
  """

  num_features: int
  hidden: Sequence[int] = (128, 128)
  dtype: DTypeLike = jnp.float32

  def setup(self):
    self.mlp = MLP(self.hidden, self.num_features, dtype=self.dtype)
    nn.share_scope(self, self.mlp)

  def __call__(self, z: Array, *, train: bool = False) -> Array:
    """z `[B, Z]` -> x `[B, F]`."""
    return self.mlp(z, train=train)


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
