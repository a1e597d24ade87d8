"""A discriminator of the patches of an image (PatchGAN)."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.layers import normalization, normalize
from robust_jax.models.spectral_norm import spectral_norm
from robust_jax.types import Array

_init = nn.initializers.normal(0.02)


class PatchDiscriminator(nn.Module):
  """Scores overlapping patches of an image by strided convolutions (PatchGAN).

  4x4 convolutions with leaky ReLU of slope 0.2, of stride 2 but for the last of
  `widths`, and one of a single channel. An output sees a patch of 16 pixels
  with two widths, 34 with three, and the 70 of the paper with four.

  Attributes:
    widths: channels of the convolutions.
    norm: normalization after all but the first and the last convolution, see
      `layers.normalization`. With a penalty of its gradient a discriminator
      must not have "batch".
    spectral_norm: whether kernels are divided by their largest singular value,
      see `models.spectral_norm`.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Isola et al. 2017, "Image-to-image translation with conditional
  adversarial networks", section 6.1: widths 64 and 128 for patches of 16
  pixels; 64, 128, 256, 512 for 70.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import PatchDiscriminator
    >>> model, x = PatchDiscriminator(), jnp.ones((5, 32, 32, 2))
    >>> init = model.init_with_output
    >>> outputs, variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> outputs.shape
    (5, 14, 14)
  """

  widths: Sequence[int] = (64, 128)
  norm: str = "instance"
  spectral_norm: bool = False
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """Computes outputs `[B, h, w]` of images `[B, H, W, C]` in [0, 1].

    An output is larger where its patch seems real.
    """

    def conv(h: Array, width: int, stride: int, name: str) -> Array:
      layer = nn.Conv(
        width,
        (4, 4),
        (stride, stride),
        padding=((1, 1), (1, 1)),
        kernel_init=_init,
        dtype=jnp.float32 if name == "last" else self.dtype,
        name=name,
      )
      return spectral_norm(layer, train=train, enabled=self.spectral_norm)(h)

    h = normalize(x, (0.5,), (0.5,))
    for i, width in enumerate(self.widths):
      h = conv(h, width, 1 + (i < len(self.widths) - 1), f"conv_{i}")
      if i > 0:
        layer = normalization(
          self.norm, "per_device", train=train, name=f"norm_{i}"
        )
        h = layer(h)
      h = nn.leaky_relu(h, 0.2)
    return conv(h.astype(jnp.float32), 1, 1, "last")[..., 0]
