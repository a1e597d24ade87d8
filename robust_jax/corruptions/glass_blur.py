"""Seen through frosted glass: pixels that changed places with near ones."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import constants, draws, matrices
from robust_jax.corruptions.signature import corruption, eight_bits
from robust_jax.types import Array, Key

# Standard deviation of the blurs, reach of the shuffle, passes.
_GLASS = {
  299: ((0.8, 1, 3), (1, 3, 1), (1.1, 2, 4), (1.2, 4, 2), (1.6, 5, 2)),
  224: ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
  64: ((0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)),
  32: ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
}


@corruption
def glass_blur(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """A Gaussian blur, a shuffle of near pixels, and the blur again.

  Arguments and result as `signature.corruption` says. The shuffle visits pixels
  from the lower right to the upper left and replaces each by one nearby,
  offsets from -reach to reach - 1, as it is by then. The published code says
  swap, but what it swaps are views of one array, so that nothing is written
  into the other place; this is what its images are made by.

  Source: Hendrycks and Dietterich 2019.
  """
  table = constants.rows(_GLASS, x, size)
  sigma, reach, passes = constants.pick(table, severity)
  reach, passes = reach.astype(jnp.int32), passes.astype(jnp.int32)
  offsets = draw(keys, x, int(table[:, 2].max()), reach)
  blur = functools.partial(
    matrices.gaussian_blur, sigma=sigma, max_sigma=table[:, 0].max()
  )
  return blur(shuffled(eight_bits(blur(x)), offsets, reach, passes))


def draw(keys: Key, x: Array, max_passes: int, reach: Array) -> Array:
  """Offsets `[B, passes, H, W, 2]` down and right, from -reach to reach - 1."""
  shape = (max_passes, *x.shape[1:3], 2)
  return draws.below(keys, shape, 2 * reach) - reach


def shuffled(x: Array, offsets: Array, reach: Array, passes: Array) -> Array:
  """x `[B, H, W, C]`, each pixel replaced by that at its offset, in turn.

  A pixel that reads one that was visited before reads what that one had read:
  a chain of reads, whose end all pixels find at once by following twice as many
  links in each round. Bit for bit what the loop over pixels does.
  """
  height, width, channels = x.shape[1:]
  rows, columns = np.arange(height)[:, None], np.arange(width)
  place = jnp.asarray(rows * width + columns)
  visited = (rows > reach) & (rows <= height - reach)
  visited &= (columns > reach) & (columns <= width - reach)

  def one_pass(offset):
    down, right = offset[..., 0], offset[..., 1]
    target = jnp.where(visited, place + down * width + right, place)
    before = (down > 0) | ((down == 0) & (right > 0))
    row, column = rows + down, columns + right
    seen = (
      (row <= height - reach) & (column > reach) & (column <= width - reach)
    )
    linked = visited & before & seen
    return _ends(target.reshape(-1), linked.reshape(-1))

  def one(image_and_offsets):
    image, offsets = image_and_offsets
    source = lax.fori_loop(
      0,
      passes,
      lambda i, source: source[one_pass(offsets[i])],
      place.reshape(-1),
    )
    return image.reshape(-1, channels)[source].reshape(image.shape)

  return lax.map(one, (x, offsets))


def _ends(target: Array, linked: Array) -> Array:
  """`[N]`: the end of each chain, where linked says that it goes on."""

  def follow(state):
    target, linked = state
    onward = jnp.where(linked, target[target], target)
    return onward, linked & linked[target]

  target, _ = lax.while_loop(lambda s: s[1].any(), follow, (target, linked))
  return target
