"""Groups of images that share what an augmentation draws once per call."""

import jax
from jax import lax

from robust_jax.types import Array, Augmentation, Key


def grouped(augmentation: Augmentation, size: int = 8) -> Augmentation:
  """Applies an augmentation to small groups of images, each with its own key.

  The choice among several operations can be a branch of a compiled program only
  if all images of a call share it. Computing every branch for every image
  multiplies the cost by the number of branches, and going image by image leaves
  no parallelism. Batches are shuffled, so the members of a group are arbitrary.

  Args:
    augmentation: an `Augmentation` that draws some numbers once per call.
    size: largest size of a group. The largest divisor of the batch size up to
      this number is used.

  Returns:
    An `Augmentation`.

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> shade = lambda key, x: x + jax.random.uniform(key)
    >>> augment = augmentation.grouped(shade, size=2)
    >>> y = augment(jax.random.key(0), jax.numpy.zeros((6, 1, 1, 1)))
    >>> len(set(y.ravel().tolist()))  # three groups of two images
    3
  """

  def augment(key: Key, x: Array) -> Array:
    per_group = max(d for d in range(1, size + 1) if len(x) % d == 0)
    count = len(x) // per_group
    groups = x.reshape(count, per_group, *x.shape[1:])
    keys = jax.random.split(key, count)
    changed = lax.map(lambda pair: augmentation(*pair), (keys, groups))
    return changed.reshape(x.shape)

  return augment
