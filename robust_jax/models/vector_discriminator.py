"""A discriminator of real and generated vectors."""

from collections.abc import Sequence

from flax import linen as nn

from robust_jax.types import Array


class VectorDiscriminator(nn.Module):
  """A multilayer perceptron from vectors to one logit.

  Attributes:
    hidden: width of each hidden layer.
  """

  hidden: Sequence[int] = (128, 128)

  @nn.compact
  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """x `[B, F]` -> logits `[B]`, above 0 where x is taken for real."""
    del train  # no layer of it differs
    for width in self.hidden:
      x = nn.relu(nn.Dense(width)(x))
    return nn.Dense(1)(x)[:, 0]
