"""A function of one image on each image of a batch."""

from collections.abc import Callable

import jax
from jax import lax

from robust_jax.types import Array, PyTree


def each_image(fn: Callable[[PyTree], Array], batch: PyTree) -> Array:
  """Applies a function of one image to each: `[fn(image) for image in batch]`.

  On CPUs it takes one image after another, which stays in the cache and whose
  slices at places of its own stay slices. On accelerators that would leave
  nearly all of the device idle, so that it takes all images at once.

  Args:
    fn: a function of one image, or of a tuple of what belongs to one.
    batch: leaves `[B, ...]`.

  Returns:
    `[B, ...]`.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.corruptions._each_image import each_image
    >>> each_image(lambda image: image.max(), jnp.eye(2)).tolist()
    [1.0, 1.0]
  """
  return lax.platform_dependent(
    batch, cpu=lambda batch: lax.map(fn, batch), default=jax.vmap(fn)
  )
