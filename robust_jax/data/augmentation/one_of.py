"""One augmentation out of several."""

from collections.abc import Sequence

import jax
from jax import lax

from robust_jax.data.augmentation.grouped import grouped
from robust_jax.types import Array, Augmentation, Key


def one_of(augmentations: Sequence[Augmentation]) -> Augmentation:
  """Each group of up to 8 images takes one of them, all equally likely.

  Only the one that is drawn is computed.

  Raises:
    ValueError: there are none.
  """
  branches = list(augmentations)
  if not branches:
    raise ValueError("one of no augmentations: wanted at least one.")

  def augment(key: Key, x: Array) -> Array:
    key_choice, key_change = jax.random.split(key)
    choice = jax.random.randint(key_choice, (), 0, len(branches))
    return lax.switch(choice, branches, key_change, x)

  return grouped(augment)
