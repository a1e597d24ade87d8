"""U-Nets: from an image to another image, or to a class for each pixel."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.gan.resampling import (
  Upsampling,
  grid_of,
  pixel_shuffle,
  to_unit_box,
  upsampling_conv,
)
from robust_jax.models.layers import normalization, normalize
from robust_jax.types import Array

_init = nn.initializers.normal(0.02)


class UnetGenerator(nn.Module):
  """Generates an image from an image by a U-Net, with dropout as its noise.

  4x4 convolutions of stride 2 with leaky ReLU of slope 0.2 halve the image n
  times, and n upsampling convolutions with ReLU double it again. The input of
  each of them is the output of the one before, concatenated with the features
  of its size on the way down. After the last one there is tanh, mapped to [0,
  1]. The first, the last and the smallest features are not normalized.

  Attributes:
    target_shape: `(H, W, C)` of the generated image; H and W are also those of
      the input, and multiples of `2^len(widths)`.
    widths: channels of the convolutions on the way down, and in reverse order
      on the way up.
    norm: "instance", "batch", "group", "layer" or "none", see
      `layers.normalization`.
    upsampling: "resize", "shuffle" or, as published, "transposed"; see
      `resampling.upsampling_conv`.
    dropout: rate of dropout after the first `num_dropouts` layers on the way
      up.
    num_dropouts: number of these layers.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Isola et al. 2017, "Image-to-image translation with conditional
  adversarial networks", section 6.1; in the paper 256 pixels, widths 64, 128,
  256 and five times 512, and three layers with dropout.

  Deviation: convolutions on repeated pixels (Odena et al. 2016, "Deconvolution
  and checkerboard artifacts") by default.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import UnetGenerator
    >>> model, x = UnetGenerator((32, 32, 3)), jnp.ones((5, 32, 32, 1))
    >>> init = model.init_with_output
    >>> y, variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> y.shape
    (5, 32, 32, 3)
  """

  target_shape: tuple[int, int, int]
  widths: Sequence[int] = (32, 64, 128, 128)
  norm: str = "instance"
  upsampling: Upsampling = "resize"
  dropout: float = 0.5
  num_dropouts: int = 2
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """Maps images `[B, H, W, C']` in [0, 1] to images `[B, H, W, C]`.

    There is dropout where `apply` gets `rngs={"dropout": key}`, which training
    needs and inference may have.

    Raises:
      ValueError: x has another height or width than target_shape, or one that
        is no multiple of `2^len(widths)`.
    """
    height, width, channels = self.target_shape
    if x.shape[1:3] != (height, width):
      raise ValueError(
        f"images of shape {x.shape[1:]} for a target of shape "
        f"{tuple(self.target_shape)}: expected the same height and width."
      )
    noisy = train or self.has_rng("dropout")

    def dropped(h: Array, depth: int) -> Array:
      if depth >= self.num_dropouts:
        return h
      return nn.Dropout(self.dropout, deterministic=not noisy)(h)

    h = _down_and_up(self, x, self.upsampling, train=train, dropped=dropped)
    image = upsampling_conv(
      h.astype(jnp.float32),
      channels,
      self.upsampling,
      kernel_init=_init,
      dtype=jnp.float32,
      name="image",
    )
    return to_unit_box(image)


class UnetSegmenter(nn.Module):
  """Classifies each pixel of an image by a U-Net.

  The network of `UnetGenerator` with `pixel_shuffle`, without dropout.

  Attributes:
    num_classes: K.
    widths: as for `UnetGenerator`.
    norm: as for `UnetGenerator`.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Ronneberger et al. 2015, "U-Net: convolutional networks for biomedical
  image segmentation", figure 1.

  Deviation: strided convolutions instead of pooling, and zero padding, so that
  the output has the size of the image.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import UnetSegmenter
    >>> model, x = UnetSegmenter(num_classes=11), jnp.ones((5, 32, 32, 3))
    >>> init = model.init_with_output
    >>> logits, variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> logits.shape
    (5, 32, 32, 11)
  """

  num_classes: int
  widths: Sequence[int] = (32, 64, 64, 64)
  norm: str = "group"
  dtype: DTypeLike = jnp.float32

  def setup(self):
    self.last = nn.Conv(4 * self.num_classes, (3, 3), kernel_init=_init)

  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """Computes logits `[B, H, W, K]` of images `[B, H, W, C]` in [0, 1].

    Raises:
      ValueError: H or W is no multiple of `2^len(widths)`.
    """
    return self.head(self.features(x, train=train), train=train)

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Computes logits of features by a convolution and `pixel_shuffle`."""
    del train
    return pixel_shuffle(self.last(h))

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """Maps images to the last hidden features, `[B, H / 2, W / 2, C']`."""
    h = _down_and_up(self, x, "shuffle", train=train)
    return h.astype(jnp.float32)


def _down_and_up(
  network: "UnetGenerator | UnetSegmenter",
  x: Array,
  upsampling: Upsampling,
  *,
  train: bool,
  dropped: Callable[[Array, int], Array] = lambda h, depth: h,
) -> Array:
  """A network but for its last layer: features `[B, H / 2, W / 2, C']`.

  `dropped` is applied to features on the way up, with their place from 0.
  """
  grid_of(x.shape[1:], len(network.widths))
  options: dict[str, Any] = {"kernel_init": _init, "dtype": network.dtype}
  halving: dict[str, Any] = {"strides": (2, 2), "padding": ((1, 1), (1, 1))}

  def normed(h: Array, name: str) -> Array:
    layer = normalization(
      network.norm, "per_device", train=train, name=f"norm_{name}"
    )
    return layer(h)

  h, ways = normalize(x, (0.5,), (0.5,)), []
  last = len(network.widths) - 1
  for i, width in enumerate(network.widths):
    h = nn.Conv(width, (4, 4), name=f"down_{i}", **halving, **options)(h)
    if 0 < i < last:
      h = normed(h, f"down_{i}")
    h = nn.leaky_relu(h, 0.2)
    ways.append(h)
  for depth, way in enumerate(reversed(ways[:-1])):
    h = upsampling_conv(
      h, way.shape[-1], upsampling, name=f"up_{depth}", **options
    )
    h = dropped(normed(h, f"up_{depth}"), depth)
    h = jnp.concatenate([nn.relu(h), way], axis=-1)
  return h
