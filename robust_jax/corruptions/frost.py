"""Frost on the window."""

import jax.numpy as jnp
from jax import lax

from robust_jax.corruptions import constants, draws, frost_pictures
from robust_jax.corruptions.frost_pictures import Pictures
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

# Shares of the image and of the frost.
_IMAGENET = ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))
_SHARES = {
  299: _IMAGENET,
  224: _IMAGENET,
  64: ((1, 0.3), (0.9, 0.4), (0.8, 0.45), (0.75, 0.5), (0.7, 0.55)),
  32: ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
}


@corruption
def frost(
  keys: Key,
  x: Array,
  severity: int | Array,
  *,
  size: int | None = None,
  pictures: Pictures | None = None,
) -> Array:
  """Image and a random cut-out of a picture of frost are added.

  Arguments and result as `signature.corruption` says.

  Args:
    keys: `[B]`.
    x: images `[B, H, W, C]`.
    severity: 1 to 5.
    size: whose constants are taken.
    pictures: of frost, no smaller than the images; by default five that are
      *drawn by a program*, not photographed. `frost_pictures.photographs` reads
      those of ImageNet-C, or others, from a directory: only with them are
      numbers those of the benchmark.

  Raises:
    ValueError: pictures are smaller than the images.

  Source: Hendrycks and Dietterich 2019.
  """
  if pictures is None:
    pictures = frost_pictures.drawn(*x.shape[1:3])
  image, cover = constants.pick(constants.rows(_SHARES, x, size), severity)
  return image * x + cover * _cut_outs(x, pictures, draw(keys, x))


def draw(keys: Key, x: Array) -> Array:
  """Uniform in [0, 1), `[B, 3]`: which picture, and from where."""
  del x
  return draws.uniform(keys, (3,))


def _cut_outs(x: Array, pictures: Pictures, where: Array) -> Array:
  """`[B, H, W, C]` in [0, 1]."""
  height, width, channels = x.shape[1:]
  if min(pictures.heights) < height or min(pictures.widths) < width:
    raise ValueError(
      f"pictures of frost of {min(pictures.heights)} x {min(pictures.widths)} "
      f"pixels for images of {height} x {width}: wanted larger ones."
    )
  pixels = jnp.asarray(pictures.pixels)
  sizes = jnp.array([pictures.heights, pictures.widths]).T

  def one(place):
    which = (place[0] * len(sizes)).astype(jnp.int32)
    room = sizes[which] - jnp.array([height, width]) + 1
    first = (place[1:] * room).astype(jnp.int32)
    start = (which, first[0], first[1], 0)
    cut = lax.dynamic_slice(pixels, start, (1, height, width, 3))
    return cut[0].astype(jnp.float32) / 255

  frost = lax.map(one, where)
  return frost if channels == 3 else frost.mean(-1, keepdims=True)
