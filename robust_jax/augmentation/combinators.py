"""Combinators of augmentations: chain, random choice and random application."""

from collections.abc import Sequence

import jax
from jax import lax

from robust_jax import checks, tree
from robust_jax.augmentation.grouped import grouped
from robust_jax.types import Array, Augmentation, Key


def chain(augmentations: Sequence[Augmentation]) -> Augmentation:
  """Applies augmentations in order, each with its own key.

  Args:
    augmentations: sequence of `Augmentation`; an empty one is the identity.

  Returns:
    An `Augmentation`.

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> darken = lambda key, x: x - 0.25
    >>> augment = augmentation.chain([darken, darken])
    >>> augment(jax.random.key(0), jax.numpy.ones((1, 1, 1, 1))).item()
    0.5
  """

  def augment(key: Key, x: Array) -> Array:
    # Folded, not split, so that appending one changes no draw of the others.
    for place, change in enumerate(augmentations):
      x = change(jax.random.fold_in(key, place), x)
    return x

  return augment


def one_of(augmentations: Sequence[Augmentation]) -> Augmentation:
  """Applies one of several augmentations, all equally likely.

  One is drawn for each group of up to 8 images, and only that one is computed.

  Args:
    augmentations: sequence of at least one `Augmentation`.

  Returns:
    An `Augmentation`.

  Raises:
    ValueError: there are no augmentations.

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> augment = augmentation.one_of([lambda key, x: x, lambda key, x: 1 - x])
    >>> y = augment(jax.random.key(0), jax.numpy.zeros((8, 1, 1, 1)))
    >>> len(set(y.ravel().tolist()))  # one of both for a group of 8
    1
  """
  branches = list(augmentations)
  if not branches:
    raise ValueError("one_of got no augmentations: expected at least one.")

  def augment(key: Key, x: Array) -> Array:
    key_choice, key_change = jax.random.split(key)
    choice = jax.random.randint(key_choice, (), 0, len(branches))
    return lax.switch(choice, branches, key_change, x)

  return grouped(augment)


def sometimes(
  augmentation: Augmentation, probability: Array | float = 0.5
) -> Augmentation:
  """Applies an augmentation to each image with a given probability.

  Args:
    augmentation: an `Augmentation`.
    probability: probability in [0, 1]; may be traced.

  Returns:
    An `Augmentation`.

  Raises:
    ValueError: the probability is not in [0, 1].

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> augment = augmentation.sometimes(lambda key, x: 1 - x, probability=0.25)
    >>> y = augment(jax.random.key(0), jax.numpy.zeros((1000, 1, 1, 1)))
    >>> bool(0.2 < y.mean() < 0.3)
    True
  """
  checks.non_negative("probability", probability)
  checks.at_most("probability", probability, 1)

  def augment(key: Key, x: Array) -> Array:
    key_coin, key_change = jax.random.split(key)
    coin = jax.random.bernoulli(key_coin, probability, x.shape[:1])
    return tree.where(coin, augmentation(key_change, x), x)

  return augment
