"""A generator of vectors from noise."""

from collections.abc import Sequence

from flax import linen as nn

from robust_jax.types import Array


class VectorGenerator(nn.Module):
  """A multilayer perceptron from latents to vectors.

  Attributes:
    num_features: F, the length of a vector.
    hidden: width of each hidden layer.
  """

  num_features: int
  hidden: Sequence[int] = (128, 128)

  @nn.compact
  def __call__(self, z: Array, *, train: bool = False) -> Array:
    """z `[B, Z]` -> x `[B, F]`."""
    del train  # no layer of it differs
    for width in self.hidden:
      z = nn.relu(nn.Dense(width)(z))
    return nn.Dense(self.num_features)(z)
