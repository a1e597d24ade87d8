"""A discriminator of real and generated vectors."""

from collections.abc import Sequence

from flax import linen as nn

from robust_jax.models.mlp import MLP
from robust_jax.types import Array


class VectorDiscriminator(nn.Module):
  """A multilayer perceptron from vectors to one logit.

  Attributes:
    hidden: width of each hidden layer.
  """

  hidden: Sequence[int] = (128, 128)

  def setup(self):
    self.mlp = MLP(self.hidden, 1)
    nn.share_scope(self, self.mlp)

  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """x `[B, F]` -> logits `[B]`, above 0 where x is taken for real."""
    return self.mlp(x, train=train)[:, 0]
