"""The blur of motion, as ImageMagick has it: a one-sided Gaussian on a line."""

import jax.numpy as jnp
from jax import lax

from robust_jax.types import Array


def blurred(
  x: Array, radius: Array, sigma: Array, angles: Array, max_radius: int
) -> Array:
  """`out = sum_i w_i x[pixel + ceil(i direction - 1/2)]`, i from 0 to 2 radius.

  w_i falls like a Gaussian from i = 0 and sums to 1. The direction is (cos,
  sin) of the angle, to the right and down; beyond the border, its pixels are
  repeated.

  Args:
    x: `[B, H, W, C]`.
    radius: in pixels, whole; a scalar.
    sigma: of the Gaussian, in taps; a scalar.
    angles: `[B]`, degrees.
    max_radius: the largest radius that there may be, static.
  """
  taps = jnp.arange(2 * max_radius + 1, dtype=jnp.float32)
  weights = jnp.exp(-0.5 * (taps / sigma) ** 2)
  weights = jnp.where(taps <= 2 * radius, weights, 0.0)
  weights = weights / weights.sum()
  count = (2 * radius + 1).astype(jnp.int32)
  reach = 2 * max_radius
  channels = x.shape[3]

  def one(image_and_angle):
    image, angle = image_and_angle
    radians = jnp.deg2rad(angle)
    step = jnp.stack([jnp.sin(radians), jnp.cos(radians)])
    around = ((reach, reach), (reach, reach), (0, 0))
    padded = jnp.pad(image, around, "edge")
    # Channels beside columns: the inner loop is as long as a row.
    padded = padded.reshape(padded.shape[0], -1)
    shape = (image.shape[0], image.shape[1] * channels)

    def tap(i, total):
      down, right = jnp.ceil(i * step - 0.5).astype(jnp.int32) + reach
      seen = lax.dynamic_slice(padded, (down, right * channels), shape)
      return total + weights[i] * seen

    total = lax.fori_loop(0, count, tap, jnp.zeros(shape))
    return total.reshape(image.shape)

  # Image by image: a slice at a place of its own stays a slice.
  return lax.map(one, (x, angles))
