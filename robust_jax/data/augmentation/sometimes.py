"""An augmentation of some images only."""

import jax

from robust_jax import checks, tree
from robust_jax.types import Array, Augmentation, Key


def sometimes(
  augmentation: Augmentation, probability: Array | float = 0.5
) -> Augmentation:
  """`augmentation` of each image with a probability; else it stays.

  Raises:
    ValueError: the probability is not in [0, 1].
  """
  checks.non_negative("probability", probability)
  checks.at_most("probability", probability, 1)

  def augment(key: Key, x: Array) -> Array:
    key_coin, key_change = jax.random.split(key)
    coin = jax.random.bernoulli(key_coin, probability, x.shape[:1])
    return tree.where(coin, augmentation(key_change, x), x)

  return augment
