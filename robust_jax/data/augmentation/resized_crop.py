"""A part of the image, enlarged to the size of the whole."""

import jax
import jax.numpy as jnp

from robust_jax.perturbations import bilinear
from robust_jax.types import Array, Augmentation, Key


def resized_crop(
  area: tuple[float, float] = (0.25, 1.0),
  ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Augmentation:
  """A window of random area, shape and place, resized to the whole image.

  The area is uniform, the logarithm of width over height too, and the place is
  uniform within the image. Bilinear, without a filter against aliases, which
  what is enlarged does not need.

  Args:
    area: least and largest share of the image's.
    ratio: least and largest width over height.

  Raises:
    ValueError: a range is empty or not positive, or an area above 1.

  Source: Szegedy et al. 2015, "Going deeper with convolutions", whose area
  begins at 0.08. Deviation: a side that would be longer than the image is cut
  to it, where the usual code draws again.
  """
  for name, (low, high) in {"area": area, "ratio": ratio}.items():
    if not 0 < low <= high:
      raise ValueError(f"{name} = {(low, high)}: wanted 0 < least <= largest.")
  if area[1] > 1:
    raise ValueError(f"area = {area}: wanted no more than 1, the whole image.")

  def augment(key: Key, x: Array) -> Array:
    keys = jax.random.split(key, 3)
    shape = x.shape[:1]
    share = jax.random.uniform(keys[0], shape, minval=area[0], maxval=area[1])
    low, high = jnp.log(jnp.asarray(ratio))
    wide = jnp.exp(jax.random.uniform(keys[1], shape, minval=low, maxval=high))
    # Ratios are of pixels, shares of sides: an image may not be square.
    of_image = x.shape[2] / x.shape[1]
    height = jnp.minimum(jnp.sqrt(share / wide * of_image), 1.0)
    width = jnp.minimum(jnp.sqrt(share * wide / of_image), 1.0)
    size = jnp.stack([height, width], axis=1)
    corner = jax.random.uniform(keys[2], size.shape) * (1 - size)
    return bilinear.warp(x, *_places(x, corner, size), "edge")

  return augment


def _places(x: Array, corner: Array, size: Array) -> tuple[Array, Array]:
  """Where each pixel of the result is in x; corner and size are shares."""
  places = []
  for axis, pixel in enumerate(bilinear.pixels(x)):
    length = x.shape[1 + axis]
    share = (pixel + 0.5) / length
    first, part = (v[:, axis, None, None] for v in (corner, size))
    places.append((first + share * part) * length - 0.5)
  return tuple(jnp.broadcast_to(place, x.shape[:3]) for place in places)
