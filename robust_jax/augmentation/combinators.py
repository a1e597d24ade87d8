"""Augmentations made of others: in a chain, one of several, on some images."""

from collections.abc import Sequence

import jax
from jax import lax

from robust_jax import checks, tree
from robust_jax.augmentation.grouped import grouped
from robust_jax.types import Array, Augmentation, Key


def chain(augmentations: Sequence[Augmentation]) -> Augmentation:
  """All of them, in order, each with a key of its own; none is the identity."""

  def augment(key: Key, x: Array) -> Array:
    # Folded, not split: one more at the end changes no draw of the others.
    for place, change in enumerate(augmentations):
      x = change(jax.random.fold_in(key, place), x)
    return x

  return augment


def one_of(augmentations: Sequence[Augmentation]) -> Augmentation:
  """Each group of up to 8 images takes one of them, all equally likely.

  Only the one that is drawn is computed.

  Raises:
    ValueError: there are none.
  """
  branches = list(augmentations)
  if not branches:
    raise ValueError("one of no augmentations: expected at least one.")

  def augment(key: Key, x: Array) -> Array:
    key_choice, key_change = jax.random.split(key)
    choice = jax.random.randint(key_choice, (), 0, len(branches))
    return lax.switch(choice, branches, key_change, x)

  return grouped(augment)


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
