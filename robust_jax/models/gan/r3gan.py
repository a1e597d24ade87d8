"""R3GAN at small size: residual networks without normalization layers."""

import math
from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.blur_pool import blur_pool
from robust_jax.models.gan.resampling import (
  grid_of,
  pixel_shuffle,
  pixel_unshuffle,
  smooth_upsample,
  to_unit_box,
)
from robust_jax.models.layers import normalize
from robust_jax.types import Array

_SLOPE = 0.2
_GAIN = math.sqrt(2 / (1 + _SLOPE**2))  # keeps the variance of activations


class R3ganGenerator(nn.Module):
  """Generates images by residual blocks without normalization (R3GAN).

  A learned grid of features, weighted by the latent, then for each width its
  residual blocks, with smooth upsampling by two in between, then a 1x1
  convolution and tanh, mapped to [0, 1].

  A block is `h + conv1x1(act(conv3x3(act(conv1x1(h)))))`, of twice as many
  channels inside, with grouped 3x3 convolutions. Its last kernel is 0 at the
  beginning, so that it is the identity.

  Attributes:
    image_shape: `(H, W, C)`; H and W are multiples of
      `patch_size * 2^(len(widths) - 1)`.
    widths: channels of each resolution, in order from the latent to the image.
    blocks_per_width: number of residual blocks at each resolution.
    group_size: channels of a group of the 3x3 convolutions; it divides twice
      every width.
    patch_size: side of the squares of pixels that the last features become, by
      `resampling.pixel_shuffle`; 2 halves the largest resolution of blocks,
      where most of the time goes.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Huang et al. 2024, "The GAN is dead; long live the GAN! A modern
  baseline GAN", section 3, config E; in the paper 768 channels at every
  resolution from 4 to 32 pixels, and two blocks.

  Deviation: the last layer has a tanh, in the paper it is linear.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import R3ganGenerator
    >>> model, z = R3ganGenerator((28, 28, 1)), jnp.ones((5, 16))
    >>> init = model.init_with_output
    >>> x, variables = jax.eval_shape(init, jax.random.key(0), z)
    >>> x.shape
    (5, 28, 28, 1)
  """

  image_shape: tuple[int, int, int]
  widths: Sequence[int] = (64, 64, 32)
  blocks_per_width: int = 1
  group_size: int = 16
  patch_size: int = 1
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, z: Array, *, train: bool = False) -> Array:
    """Maps latents z `[B, Z]` to images `[B, H, W, C]` in [0, 1].

    Raises:
      ValueError: H or W is no multiple of `patch_size * 2^(len(widths) - 1)`,
        or group_size does not divide twice a width.
    """
    del train
    height, width, channels = self.image_shape
    size = self.patch_size
    if height % size or width % size:
      raise ValueError(
        f"patch_size = {size}: expected a divisor of {height} and {width}, the "
        "height and width of images."
      )
    patches = (height // size, width // size, size**2 * channels)
    grid = grid_of(patches, len(self.widths) - 1)
    basis = self.param(
      "basis", nn.initializers.normal(1.0), (*grid, self.widths[0])
    )
    weights = _dense(self.widths[0], self.dtype, "dense")(z.reshape(len(z), -1))
    h = basis.astype(self.dtype) * weights[:, None, None]
    for i, width in enumerate(self.widths):
      if i > 0:
        h = _matched(smooth_upsample(h), width, self.dtype, f"match_{i}")
      h = _blocks(self, h, i)
    pixels = _conv(patches[2], 1, jnp.float32, "image")(h.astype(jnp.float32))
    return to_unit_box(pixel_shuffle(pixels, size))


class R3ganDiscriminator(nn.Module):
  """Scores images by residual blocks without normalization (R3GAN).

  The generator in reverse: a 1x1 convolution, for each width its residual
  blocks, with smooth downsampling by two in between, then the inner product of
  each channel with a learned grid, and a dense layer without bias, which a
  relativistic loss would not see.

  Attributes:
    widths: channels of each resolution, in order from the image to the output.
    blocks_per_width: number of residual blocks at each resolution.
    group_size: as for `R3ganGenerator`.
    patch_size: likewise.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: as for `R3ganGenerator`.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import R3ganDiscriminator
    >>> model, x = R3ganDiscriminator(), jnp.ones((5, 28, 28, 1))
    >>> init = model.init_with_output
    >>> outputs, variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> outputs.shape
    (5,)
  """

  widths: Sequence[int] = (32, 64, 64)
  blocks_per_width: int = 1
  group_size: int = 16
  patch_size: int = 1
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """Computes outputs `[B]` of images in [0, 1], larger where x seems real.

    Raises:
      ValueError: group_size does not divide twice a width.
    """
    del train
    h = pixel_unshuffle(normalize(x, (0.5,), (0.5,)), self.patch_size)
    h = _conv(self.widths[0], 1, self.dtype, "image")(h)
    for i, width in enumerate(self.widths):
      if i > 0:
        h = _matched(blur_pool(h), width, self.dtype, f"match_{i}")
      h = _blocks(self, h, i)
    size = h.shape[1] * h.shape[2]
    basis = self.param(
      "basis", nn.initializers.normal(1 / math.sqrt(size)), h.shape[1:]
    )
    features = jnp.sum(h.astype(jnp.float32) * basis, axis=(1, 2))
    return _dense(1, jnp.float32, "dense")(features)[:, 0]


def _blocks(network, h: Array, stage: int) -> Array:
  """The residual blocks of a resolution of a network."""
  width, size = network.widths[stage], network.group_size
  if 2 * width % size:
    raise ValueError(
      f"group_size = {size}: expected a divisor of {2 * width}, twice the "
      f"width {width}."
    )
  # The last kernel is 0, the other two share the scale of all blocks.
  gain = _GAIN * (network.blocks_per_width * len(network.widths)) ** -0.25
  for i in range(network.blocks_per_width):
    place, dtype = f"{stage}_{i}", network.dtype
    inner = _conv(2 * width, 1, dtype, f"expand_{place}", gain, bias=True)(h)
    inner = nn.leaky_relu(inner, _SLOPE)
    grouped = _conv(
      2 * width,
      3,
      dtype,
      f"grouped_{place}",
      gain,
      bias=True,
      groups=2 * width // size,
    )
    inner = nn.leaky_relu(grouped(inner), _SLOPE)
    h = h + _conv(width, 1, dtype, f"reduce_{place}", 0.0)(inner)
  return h


def _matched(h: Array, width: int, dtype: DTypeLike, name: str) -> Array:
  """Features with as many channels as the width, by a 1x1 convolution."""
  return h if h.shape[-1] == width else _conv(width, 1, dtype, name)(h)


def _conv(
  features: int,
  size: int,
  dtype: DTypeLike,
  name: str,
  gain: float = 1.0,
  *,
  bias: bool = False,
  groups: int = 1,
) -> nn.Conv:
  return nn.Conv(
    features,
    (size, size),
    use_bias=bias,
    kernel_init=_scaled(gain),
    feature_group_count=groups,
    dtype=dtype,
    name=name,
  )


def _dense(features: int, dtype: DTypeLike, name: str) -> nn.Dense:
  return nn.Dense(
    features,
    use_bias=False,
    kernel_init=_scaled(1.0),
    dtype=dtype,
    name=name,
  )


def _scaled(gain: float) -> nn.initializers.Initializer:
  """Normal, of a standard deviation of the gain over the root of the fan-in."""
  if gain == 0:
    return nn.initializers.zeros
  return nn.initializers.variance_scaling(gain**2, "fan_in", "normal")
