"""Anti-aliased downsampling of feature maps."""

import jax.numpy as jnp

from robust_jax.types import Array


def blur_pool(x: Array) -> Array:
  """Anti-aliased downsampling by two: a binomial blur, then every other pixel.

  The filter is (1, 2, 1) / 4 along both axes, with mirrored borders. The pixels
  kept are those of even rows and columns, as in a convolution of stride 2.

  Args:
    x: `[B, H, W, C]`.

  Returns:
    `[B, ceil(H / 2), ceil(W / 2), C]`.

  Source: Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019,
  section 3, filter Tri-3.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models.blur_pool import blur_pool
    >>> impulse = jnp.zeros((1, 4, 4, 1)).at[0, 2, 2, 0].set(1.0)
    >>> blur_pool(impulse)[0, :, :, 0].tolist()
    [[0.0, 0.0], [0.0, 0.25]]
  """
  for axis in (1, 2):
    x = _blur_and_halve(x, axis)
  return x


def _blur_and_halve(x: Array, axis: int) -> Array:
  width = [(0, 0)] * x.ndim
  width[axis] = (1, 1)
  x = jnp.moveaxis(jnp.pad(x, width, "reflect"), axis, 0)
  before, here, after = x[:-2:2], x[1:-1:2], x[2::2]
  return jnp.moveaxis((before + 2 * here + after) / 4, 0, axis)
