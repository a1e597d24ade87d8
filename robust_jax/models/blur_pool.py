"""Every other pixel of what has been smoothed first."""

import jax.numpy as jnp

from robust_jax.types import Array


def blur_pool(x: Array) -> Array:
  """`[B, H, W, C]` -> `[B, ceil(H / 2), ceil(W / 2), C]`.

  A binomial filter, (1, 2, 1) / 4 along both axes over the mirrored border, and
  then the pixels of even rows and columns, which those of stride 2 are.

  Source: Zhang 2019, "Making Convolutional Networks Shift-Invariant Again",
  section 3, with the filter Tri-3.
  """
  for axis in (1, 2):
    x = _halved(x, axis)
  return x


def _halved(x: Array, axis: int) -> Array:
  width = [(0, 0)] * x.ndim
  width[axis] = (1, 1)
  x = jnp.moveaxis(jnp.pad(x, width, "reflect"), axis, 0)
  before, here, after = x[:-2:2], x[1:-1:2], x[2::2]
  return jnp.moveaxis((before + 2 * here + after) / 4, 0, axis)
