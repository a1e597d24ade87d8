"""What is drawn for a whole batch, drawn for small parts of it instead."""

import jax
from jax import lax

from robust_jax.types import Array, Augmentation, Key


def grouped(augmentation: Augmentation, size: int = 8) -> Augmentation:
  """`augmentation` applied to groups of images one by one, with keys of theirs.

  Which of several operations runs, and at what strength, can be a branch of a
  compiled program only for all of its images at once. To compute every branch
  for every image costs as many times as there are branches, to go image by
  image leaves nothing to do in parallel. Batches are shuffled, so neighbors in
  a group are as any other images.

  Args:
    augmentation: draws some of its numbers once per call.
    size: most images in a group; the largest divisor of the batch size up to
      this is taken.
  """

  def augment(key: Key, x: Array) -> Array:
    per_group = max(d for d in range(1, size + 1) if len(x) % d == 0)
    count = len(x) // per_group
    groups = x.reshape(count, per_group, *x.shape[1:])
    keys = jax.random.split(key, count)
    changed = lax.map(lambda pair: augmentation(*pair), (keys, groups))
    return changed.reshape(x.shape)

  return augment
