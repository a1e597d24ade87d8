"""Motion blur as in ImageMagick: a one-sided Gaussian along a line."""

import jax
import jax.numpy as jnp
from jax import lax

from robust_jax.corruptions._each_image import each_image
from robust_jax.types import Array


def blurred(
  x: Array, radius: Array, sigma: Array, angles: Array, max_radius: int
) -> Array:
  """Blurs images along lines: `out[p] = sum_i w_i x[p + ceil(i d - 1/2)]`.

  The sum is over i = 0, ..., 2 radius. The weights w_i are Gaussian in i and
  sum to 1; d is (cos, sin) of the angle, to the right and down; the border is
  replicated.

  Args:
    x: images `[B, H, W, C]`.
    radius: whole number of pixels; a scalar, which may be traced.
    sigma: standard deviation of the Gaussian in taps; a scalar.
    angles: `[B]`, in degrees.
    max_radius: upper bound of the radius; static.
  """
  weights = _weights(radius, sigma, max_radius)
  count = (2 * radius + 1).astype(jnp.int32)
  reach = 2 * max_radius
  channels = x.shape[3]

  def one(image_and_angle):
    image, angle = image_and_angle
    step = _step(angle)
    around = ((reach, reach), (reach, reach), (0, 0))
    padded = jnp.pad(image, around, "edge")
    # With channels next to columns the inner loop is a whole row.
    padded = padded.reshape(padded.shape[0], -1)
    shape = (image.shape[0], image.shape[1] * channels)

    def tap(i, total):
      down, right = _offset(i, step).astype(jnp.int32) + reach
      seen = lax.dynamic_slice(padded, (down, right * channels), shape)
      return total + weights[i] * seen

    total = lax.fori_loop(0, count, tap, jnp.zeros(shape))
    return total.reshape(image.shape)

  return each_image(one, (x, angles))


def mean_offsets(
  radius: Array, sigma: Array, angles: Array, max_radius: int
) -> Array:
  """Returns the mean of (right, down) by which `blurred` reads, `[B, 2]`.

  Arguments are those of `blurred`. Its taps lie on one side, so that it moves
  what it blurs against this mean.
  """
  weights = _weights(radius, sigma, max_radius)
  taps = jnp.arange(2 * max_radius + 1)[:, None]
  offsets = jax.vmap(lambda angle: _offset(taps, _step(angle)))(angles)
  return (weights[:, None] * offsets).sum(axis=1)[:, ::-1]


def _weights(radius: Array, sigma: Array, max_radius: int) -> Array:
  taps = jnp.arange(2 * max_radius + 1, dtype=jnp.float32)
  weights = jnp.exp(-0.5 * (taps / sigma) ** 2)
  weights = jnp.where(taps <= 2 * radius, weights, 0.0)
  return weights / weights.sum()


def _step(angle: Array) -> Array:
  """One tap along the line, (down, right)."""
  radians = jnp.deg2rad(angle)
  return jnp.stack([jnp.sin(radians), jnp.cos(radians)])


def _offset(i: Array, step: Array) -> Array:
  return jnp.ceil(i * step - 0.5)
