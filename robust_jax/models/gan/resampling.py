"""Resampling of images by two, and the grid that a generator starts from."""

from collections.abc import Sequence
from typing import Any, Literal

import jax.numpy as jnp
from flax import linen as nn

from robust_jax.types import Array

Upsampling = Literal["resize", "shuffle", "transposed"]


def grid_of(image_shape: Sequence[int], num_doublings: int) -> tuple[int, int]:
  """Height and width of an image before it is doubled several times.

  Raises:
    ValueError: a side is no multiple of `2^num_doublings`.

  Example:
    >>> from robust_jax.models.gan.resampling import grid_of
    >>> grid_of((28, 28, 1), 2)
    (7, 7)
  """
  height, width, _ = image_shape
  factor = 2**num_doublings
  if height % factor or width % factor:
    raise ValueError(
      f"images of {height} x {width} pixels: expected multiples of {factor}, "
      f"because {num_doublings} layers double or halve them. Give `widths` "
      "fewer numbers, or choose images of another size."
    )
  return height // factor, width // factor


def upsample(x: Array) -> Array:
  """Repeats every pixel of `[B, H, W, C]` twice along both axes."""
  return x.repeat(2, axis=1).repeat(2, axis=2)


def downsample(x: Array) -> Array:
  """The mean of each 2x2 block of pixels of `[B, H, W, C]`, H and W even."""
  rows = x[:, ::2] + x[:, 1::2]
  return (rows[:, :, ::2] + rows[:, :, 1::2]) / 4


def pixel_shuffle(x: Array, size: int = 2) -> Array:
  """Rearranges `[B, H, W, size^2 C]` to `[B, size H, size W, C]`.

  Source: Shi et al. 2016, "Real-time single image and video super-resolution
  using an efficient sub-pixel convolutional neural network", equation 4.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models.gan.resampling import pixel_shuffle
    >>> x = jnp.arange(4.0).reshape(1, 1, 1, 4)
    >>> pixel_shuffle(x)[0, :, :, 0].tolist()
    [[0.0, 1.0], [2.0, 3.0]]
  """
  batch, height, width, channels = x.shape
  parts = x.reshape(batch, height, width, size, size, channels // size**2)
  return parts.swapaxes(2, 3).reshape(batch, size * height, size * width, -1)


def pixel_unshuffle(x: Array, size: int = 2) -> Array:
  """Rearranges `[B, size H, size W, C]` to `[B, H, W, size^2 C]`.

  The inverse of `pixel_shuffle`.
  """
  batch, height, width, channels = x.shape
  parts = x.reshape(batch, height // size, size, width // size, size, channels)
  return parts.swapaxes(2, 3).reshape(
    batch, height // size, width // size, size**2 * channels
  )


def upsampling_conv(
  h: Array, features: int, upsampling: Upsampling, **options: Any
) -> Array:
  """Applies a convolution that doubles height and width.

  Args:
    h: `[B, H, W, C]`, inside of a module.
    features: number of output channels.
    upsampling: "resize" to repeat pixels before a 3x3 convolution, "shuffle"
      for a 3x3 convolution of four times as many channels and
      `pixel_shuffle`, which is faster, or "transposed" for a transposed 4x4
      convolution of stride 2, which is slower and prone to checkerboards.
    **options: of the convolution.

  Returns:
    `[B, 2 H, 2 W, features]`.

  Raises:
    ValueError: there is no such upsampling.
  """
  if upsampling == "resize":
    return nn.Conv(features, (3, 3), **options)(upsample(h))
  if upsampling == "shuffle":
    return pixel_shuffle(nn.Conv(4 * features, (3, 3), **options)(h))
  if upsampling == "transposed":
    return nn.ConvTranspose(features, (4, 4), (2, 2), **options)(h)
  raise ValueError(
    f"upsampling = {upsampling!r}: expected 'resize', 'shuffle' or "
    "'transposed'."
  )


def smooth_upsample(x: Array) -> Array:
  """Upsampling by two with the filter (1, 2, 1), the adjoint of smoothing.

  New pixels are the mean of their neighbors of both sides; borders are
  repeated.

  Args:
    x: `[B, H, W, C]`.

  Returns:
    `[B, 2 H, 2 W, C]`.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models.gan.resampling import smooth_upsample
    >>> x = jnp.array([0.0, 4.0]).reshape(1, 1, 2, 1)
    >>> smooth_upsample(x)[0, 0, :, 0].tolist()
    [0.0, 2.0, 4.0, 4.0]
  """
  for axis in (1, 2):
    x = jnp.moveaxis(x, axis, 0)
    following = jnp.concatenate([x[1:], x[-1:]])
    pairs = jnp.stack([x, (x + following) / 2], axis=1)
    x = jnp.moveaxis(pairs.reshape(-1, *x.shape[1:]), 0, axis)
  return x


def to_unit_box(h: Array) -> Array:
  """Maps any reals to images in [0, 1], by `(1 + tanh h) / 2` in float32."""
  return (1 + jnp.tanh(h.astype(jnp.float32))) / 2
