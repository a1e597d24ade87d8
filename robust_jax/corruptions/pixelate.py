"""Fewer pixels, each a square."""

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import constants
from robust_jax.corruptions.signature import corruption, levels
from robust_jax.types import Array, Key

_SHARE = {
  299: (0.5, 0.4, 0.3, 0.25, 0.2),
  224: (0.6, 0.5, 0.4, 0.3, 0.25),
  64: (0.9, 0.8, 0.7, 0.6, 0.5),
  32: (0.95, 0.9, 0.85, 0.75, 0.65),
}


@corruption
def pixelate(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Reduced to a share of its height and width, and enlarged again.

  A pixel of the small image is the mean of those that it covers, rounded along
  rows and then along columns, as Pillow's box filter does. Arguments and result
  as `signature.corruption` says; nothing is random.

  Source: Hendrycks and Dietterich 2019.
  """
  del keys
  shares = constants.rows(_SHARE, x, size)
  across, down = (
    [constants.pick(np.stack(table), severity) for table in tables]
    for tables in (_boxes(n, shares) for n in (x.shape[2], x.shape[1]))
  )
  y = _averaged(levels(x), *across, axis=2)
  return _averaged(y, *down, axis=1) / 255


def _averaged(y: Array, first: Array, end: Array, axis: int) -> Array:
  """The rounded mean of y from first to end along the axis, at each place."""
  # Sums of grey levels are exact in float32, and their differences too.
  shape = [n if i == axis else 1 for i, n in enumerate(y.shape)]
  total = jnp.pad(jnp.cumsum(y, axis), [(int(i == axis), 0) for i in range(4)])
  at = lambda place: jnp.take(total, place.astype(jnp.int32), axis, mode="clip")
  count = (end - first).reshape(shape)
  return jnp.floor((at(end) - at(first)) / count + 0.5)


def _boxes(n: int, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """`[5, n]` each: of every pixel, where its box begins and ends."""
  firsts, ends = [], []
  for share in shares:
    small = max(int(n * share), 1)
    scale = n / small
    # As Pillow multiplies, or a tie may round to the other side.
    box = np.floor((np.arange(n) + 0.5) * (small / n) - 0.5 + 0.5)
    centre = (box + 0.5) * scale
    firsts.append(np.floor(np.maximum(centre - scale / 2 + 0.5, 0)))
    ends.append(np.floor(np.minimum(centre + scale / 2 + 0.5, n)))
  return np.stack(firsts), np.stack(ends)
