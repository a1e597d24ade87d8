"""Seen through frosted glass: pixels that changed places with near ones."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import _matrices, constants, random
from robust_jax.corruptions.base import corruption, eight_bits
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
  keys: Key,
  x: Array,
  severity: int | Array,
  *,
  size: int | None = None,
  swap: bool = False,
) -> Array:
  """A Gaussian blur, a shuffle of near pixels, and the blur again.

  The shuffle visits pixels from the lower right to the upper left and replaces
  each by one nearby, offsets from -reach to reach - 1, as it is by then. The
  published code says swap, but what it swaps are views of one array, so that
  nothing is written into the other place; its images are made by this.

  Args:
    keys: `[B]`, as of all corruptions (`base.corruption`).
    x: images `[B, H, W, C]`.
    severity: 1 to 5.
    size: whose constants are taken.
    swap: pixels are truly exchanged, every one with probability 1/2: what the
      same code does with MNIST-C's images, which have no axis of channels. One
      by one: for small images.

  Source: Hendrycks and Dietterich 2019; for swap, Mu and Gilmer 2019.
  """
  table = constants.rows(_GLASS, x, size)
  sigma, reach, passes = constants.pick(table, severity)
  reach, passes = reach.astype(jnp.int32), passes.astype(jnp.int32)
  offsets = draw(keys, x, int(table[:, 2].max()), reach)
  blur = functools.partial(
    _matrices.gaussian_blur, sigma=sigma, max_sigma=table[:, 0].max()
  )
  blurred = eight_bits(blur(x))
  if swap:
    chosen = random.bits(keys, offsets.shape[1:4], stream=1) % 2 == 0
    return blur(swapped(blurred, offsets, chosen, reach, passes))
  return blur(shuffled(blurred, offsets, reach, passes))


def draw(keys: Key, x: Array, max_passes: int, reach: Array) -> Array:
  """Offsets `[B, passes, H, W, 2]` down and right, from -reach to reach - 1."""
  shape = (max_passes, *x.shape[1:3], 2)
  return random.below(keys, shape, 2 * reach) - reach


def shuffled(x: Array, offsets: Array, reach: Array, passes: Array) -> Array:
  """x `[B, H, W, C]`, each pixel replaced by that at its offset, in turn.

  A pixel that reads one that was visited before reads what that one had read:
  a chain of reads, whose end all pixels find at once by following twice as many
  links in each round. Bit for bit what the loop over pixels does.
  """
  height, width, channels = x.shape[1:]
  rows, columns = np.indices((height, width))
  place, visited = rows * width + columns, _visited(rows, columns, reach)

  def run_evaluation(offset):
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
      lambda i, source: source[run_evaluation(offsets[i])],
      jnp.asarray(place.reshape(-1)),
    )
    return image.reshape(-1, channels)[source].reshape(image.shape)

  return lax.map(one, (x, offsets))


def _ends(target: Array, linked: Array) -> Array:
  """`[N]`: the end of each chain, where linked says that it goes on."""

  def follow(chain):
    return jnp.where(chain % 2 == 1, chain[chain // 2], chain)

  # Both in one number: a look-up is most of the work.
  chain = 2 * target + linked
  chain = lax.while_loop(lambda c: (c % 2 == 1).any(), follow, chain)
  return chain // 2


def swapped(
  x: Array, offsets: Array, chosen: Array, reach: Array, passes: Array
) -> Array:
  """x `[B, H, W, C]`, each chosen pixel exchanged with that at its offset.

  In turn, as `shuffled`; chosen is `[B, passes, H, W]`.
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
