"""One augmentation after the other."""

from collections.abc import Sequence

import jax

from robust_jax.types import Array, Augmentation, Key


def chain(augmentations: Sequence[Augmentation]) -> Augmentation:
  """All of them, in order, each with a key of its own; none is the identity."""

  def augment(key: Key, x: Array) -> Array:
    # Folded, not split: one more at the end changes no draw of the others.
    for place, change in enumerate(augmentations):
      x = change(jax.random.fold_in(key, place), x)
    return x

  return augment
