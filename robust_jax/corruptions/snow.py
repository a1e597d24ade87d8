"""Snow that falls, and what it does to the light."""

import functools

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import constants, draws, motion, zooms
from robust_jax.corruptions.signature import corruption, eight_bits
from robust_jax.types import Array, Key

# Mean and deviation of the noise that flakes are made of, their zoom and
# threshold, radius and deviation of their motion, share of the image's colours.
_IMAGENET = (
  (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
  (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
  (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
  (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
  (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
_FLAKES = {
  299: _IMAGENET,
  224: _IMAGENET,
  64: (
    (0.1, 0.2, 1, 0.6, 8, 3, 0.8),
    (0.1, 0.2, 1, 0.5, 10, 4, 0.8),
    (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
    (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65),
    (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
  ),
  32: (
    (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
    (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
    (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
    (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
    (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
  ),
}
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601


@corruption
def snow(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Colours turn pale, and flakes fall twice, the second time upside down.

  Flakes are the peaks of enlarged noise, blurred along a line at -135 to -45
  degrees. Arguments and result as `signature.corruption` says.

  Source: Hendrycks and Dietterich 2019, and ImageMagick's motion blur, which
  they call.
  """
  table = constants.rows(_FLAKES, x, size)
  fallen = flakes(*draw(keys, x), table, severity)
  return covered(x, fallen, constants.pick(table[:, 6], severity))


def covered(x: Array, fallen: Array, colours: Array | float) -> Array:
  """x with a share of its colours left, below flakes `[B, H, W, 1]`."""
  grey = x if x.shape[-1] == 1 else (x * _LUMA).sum(-1, keepdims=True)
  pale = jnp.maximum(x, 1.5 * grey + 0.5)
  x = colours * x + (1 - colours) * pale
  return x + fallen + fallen[:, ::-1, ::-1]


def draw(keys: Key, x: Array) -> tuple[Array, Array]:
  """Standard normal noise `[B, H, W]`, and angles `[B]` in degrees."""
  noise = draws.normal(keys, x.shape[1:3])
  return noise, draws.uniform(keys, (), -135.0, -45.0, stream=1)


def flakes(
  noise: Array, angles: Array, table: np.ndarray, severity: int | Array
) -> Array:
  """`[B, H, W, 1]`, in 8 bits before and after the blur.

  Args:
    noise: standard normal `[B, H, W]`.
    angles: of the blur, `[B]`, degrees.
    table: rows like those of `_FLAKES`.
    severity: which of its rows, from 1.
  """
  pick = functools.partial(constants.pick, severity=severity)
  mean, deviation, _, threshold, radius, sigma, _ = pick(table)
  rows, columns = (
    pick(np.stack([zooms.places(n, zoom) for zoom in table[:, 2]]))
    for n in noise.shape[1:3]
  )
  noise = (mean + deviation * noise)[..., None]
  noise = lax.map(lambda one: zooms.read(one, rows, columns), noise)
  peaks = eight_bits(jnp.where(noise < threshold, 0.0, noise))
  reach = int(table[:, 4].max())
  return (
    jnp.round(motion.blurred(peaks, radius, sigma, angles, reach) * 255) / 255
  )
