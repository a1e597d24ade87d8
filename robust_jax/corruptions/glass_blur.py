"""Frosted glass: pixels are replaced by random neighbors."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import constants, matrices, random
from robust_jax.corruptions._each_image import each_image
from robust_jax.corruptions.base import corruption, eight_bits
from robust_jax.types import Array, Key

# Standard deviation of the blurs, reach of the shuffle, number of passes.
_GLASS = {
  299: ((0.8, 1, 3), (1, 3, 1), (1.1, 2, 4), (1.2, 4, 2), (1.6, 5, 2)),
  224: ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
  64: ((0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)),
  32: ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
}


@corruption
def glass_blur(
  keys: Key,
  x: Array,
  severity: int | Array,
  *,
  size: int | None = None,
  swap: bool = False,
) -> Array:
  """Glass blur: a Gaussian blur, a local shuffle of pixels, and a second blur.

  The shuffle visits pixels from the lower right to the upper left and replaces
  each by the current value of a random neighbor, at offsets from -reach to
  reach - 1. The published code is written as an exchange of both pixels, but it
  exchanges views of one array, so that only one of them is written; its images
  are those of this function.

  Args:
    keys: `[B]`, one key per image; see `base.corruption`.
    x: images `[B, H, W, C]`.
    severity: whole number from 1 to 5.
    size: image size whose constants are used; by default the nearest.
    swap: whether both pixels are exchanged, each with probability 1/2: the
      effect of the same code on the images of MNIST-C, which have no axis of
      channels. This is a sequential loop over pixels, for small images.

  Source: Hendrycks and Dietterich 2019; for `swap`, Mu and Gilmer 2019.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.glass_blur, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  table = constants.rows(_GLASS, x, size)
  sigma, reach, passes = constants.pick(table, severity)
  reach, passes = reach.astype(jnp.int32), passes.astype(jnp.int32)
  offsets = draw(keys, x, int(table[:, 2].max()), reach)
  blur = functools.partial(
    matrices.gaussian_blur, sigma=sigma, max_sigma=table[:, 0].max()
  )
  blurred = eight_bits(blur(x))
  if swap:
    chosen = random.bits(keys, offsets.shape[1:4], stream=1) % 2 == 0
    return blur(swapped(blurred, offsets, chosen, reach, passes))
  return blur(shuffled(blurred, offsets, reach, passes))


def draw(keys: Key, x: Array, max_passes: int, reach: Array) -> Array:
  """Draws offsets down and right in [-reach, reach), `[B, passes, H, W, 2]`."""
  shape = (max_passes, *x.shape[1:3], 2)
  return random.below(keys, shape, 2 * reach) - reach


def shuffled(x: Array, offsets: Array, reach: Array, passes: Array) -> Array:
  """Replaces each pixel by the one at its offset, sequentially.

  A pixel that reads one visited earlier gets the value which that one had read.
  These reads form chains; all pixels find the ends of their chains at once,
  following twice as many links in each round. The result equals that of the
  sequential loop bit for bit.

  Args:
    x: images `[B, H, W, C]`.
    offsets: `[B, passes, H, W, 2]`, from `draw`.
    reach: margin without changes; a scalar.
    passes: number of passes; a scalar.
  """
  height, width, channels = x.shape[1:]
  rows, columns = np.indices((height, width))
  place, visited = rows * width + columns, _visited(rows, columns, reach)

  def sources(offset):
    down, right = offset[..., 0], offset[..., 1]
    target = jnp.where(visited, place + down * width + right, place)
    linked = visited & ((down > 0) | ((down == 0) & (right > 0)))
    linked &= visited.reshape(-1)[target]
    return _ends(target.reshape(-1), linked.reshape(-1))

  def one(image_and_offsets):
    image, offsets = image_and_offsets
    source = lax.fori_loop(
      0,
      passes,
      lambda i, source: source[sources(offsets[i])],
      jnp.asarray(place.reshape(-1)),
    )
    return image.reshape(-1, channels)[source].reshape(image.shape)

  return each_image(one, (x, offsets))


def _ends(target: Array, linked: Array) -> Array:
  """Returns the end of each chain, `[N]`; chains continue where `linked`."""

  def follow(chain):
    return jnp.where(chain % 2 == 1, chain[chain // 2], chain)

  # Target and link share one number, since look-ups dominate the cost.
  chain = 2 * target + linked
  chain = lax.while_loop(lambda c: (c % 2 == 1).any(), follow, chain)
  return chain // 2


def swapped(
  x: Array, offsets: Array, chosen: Array, reach: Array, passes: Array
) -> Array:
  """Exchanges each chosen pixel with the one at its offset, sequentially.

  Args:
    x: images `[B, H, W, C]`.
    offsets: `[B, passes, H, W, 2]`, from `draw`.
    chosen: `[B, passes, H, W]` bool.
    reach: margin without changes; a scalar.
    passes: number of passes; a scalar.
  """
  height, width, channels = x.shape[1:]
  rows, columns = np.indices((height, width))
  visited = _visited(rows, columns, reach).reshape(-1)

  def one(image, offsets, chosen):
    away = (offsets[..., 0] * width + offsets[..., 1]).reshape(len(offsets), -1)
    away = jnp.where(visited & chosen.reshape(away.shape), away, 0)

    def visit(step, pixels):
      i, place = step // visited.size, visited.size - 1 - step % visited.size
      pair = jnp.stack([place, place + away[i, place]])
      return pixels.at[pair].set(pixels[pair[::-1]])

    pixels = image.reshape(-1, channels)
    return lax.fori_loop(0, passes * visited.size, visit, pixels)

  return jax.vmap(one)(x, offsets, chosen).reshape(x.shape)


def _visited(rows: np.ndarray, columns: np.ndarray, reach: Array) -> Array:
  height, width = rows.shape
  down = (rows > reach) & (rows <= height - reach)
  return down & (columns > reach) & (columns <= width - reach)
