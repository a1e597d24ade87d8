"""Deep convolutional GAN (DCGAN): generator and discriminator of images."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.gan.resampling import (
  Upsampling,
  grid_of,
  to_unit_box,
  upsampling_conv,
)
from robust_jax.models.layers import batch_norm, normalize
from robust_jax.models.spectral_norm import spectral_norm
from robust_jax.types import Array

_init = nn.initializers.normal(0.02)


class DcganGenerator(nn.Module):
  """Generates images by a stack of upsampling convolutions (DCGAN).

  A dense layer to a grid of `[H / 2^n, W / 2^n]`, then n upsampling
  convolutions with BatchNorm and ReLU between them, then tanh, mapped to [0,
  1].

  Attributes:
    image_shape: `(H, W, C)`; H and W are multiples of 2^n.
    widths: channels at the input of each of the n upsampling convolutions, in
      order from the latent to the image: two for 28 pixels, three for 32 (512,
      256, 128, 64 for 64 pixels in the paper).
    upsampling: "resize", "shuffle" or, as published, "transposed"; see
      `resampling.upsampling_conv`.
    batch_norm: "per_device", "synchronized" or "none", see `layers.batch_norm`.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Radford et al. 2016, "Unsupervised representation learning with deep
  convolutional generative adversarial networks", section 3 and figure 1.

  Deviation: resized convolutions (Odena et al. 2016, "Deconvolution and
  checkerboard artifacts") by default.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import DcganGenerator
    >>> model, z = DcganGenerator((28, 28, 1)), jnp.ones((5, 16))
    >>> init = model.init_with_output
    >>> x, variables = jax.eval_shape(init, jax.random.key(0), z)
    >>> x.shape
    (5, 28, 28, 1)
  """

  image_shape: tuple[int, int, int]
  widths: Sequence[int] = (128, 64)
  upsampling: Upsampling = "resize"
  batch_norm: str = "per_device"
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, z: Array, *, train: bool = False) -> Array:
    """Maps latents z `[B, Z]` to images `[B, H, W, C]` in [0, 1].

    Raises:
      ValueError: H or W is no multiple of 2^n, or there is no such upsampling.
    """
    rows, columns = grid_of(self.image_shape, len(self.widths))
    dense = nn.Dense(
      rows * columns * self.widths[0],
      use_bias=self.batch_norm == "none",
      kernel_init=_init,
      dtype=self.dtype,
      name="dense",
    )
    h = dense(z.reshape(len(z), -1))
    h = h.reshape(-1, rows, columns, self.widths[0])
    outputs = [*self.widths[1:], self.image_shape[2]]
    for i, features in enumerate(outputs):
      norm = batch_norm(self.batch_norm, train=train, name=f"norm_{i}")
      h = nn.relu(norm(h))
      h = self._upsampled(h, features, i)
    return to_unit_box(h)

  def _upsampled(self, h: Array, features: int, index: int) -> Array:
    last = index == len(self.widths) - 1
    options: dict[str, Any] = {
      "use_bias": last or self.batch_norm == "none",
      "kernel_init": _init,
      "dtype": jnp.float32 if last else self.dtype,
      "name": f"conv_{index}",
    }
    return upsampling_conv(h, features, self.upsampling, **options)


class DcganDiscriminator(nn.Module):
  """Scores images by a stack of strided convolutions (DCGAN).

  4x4 convolutions of stride 2 with leaky ReLU of slope 0.2, BatchNorm after all
  but the first, then a dense layer.

  Attributes:
    widths: channels of the convolutions, each of which halves the image.
    batch_norm: "per_device", "synchronized" or "none", see `layers.batch_norm`.
      With a penalty of its gradient a discriminator must have "none".
    spectral_norm: whether kernels are divided by their largest singular value,
      see `models.spectral_norm`.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Radford et al. 2016, "Unsupervised representation learning with deep
  convolutional generative adversarial networks", section 3.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import DcganDiscriminator
    >>> model, x = DcganDiscriminator(), jnp.ones((5, 28, 28, 1))
    >>> init = model.init_with_output
    >>> outputs, variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> outputs.shape
    (5,)
  """

  widths: Sequence[int] = (64, 128)
  batch_norm: str = "per_device"
  spectral_norm: bool = False
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """Computes outputs `[B]` of images in [0, 1], larger where x seems real."""

    def normed(layer):
      return spectral_norm(layer, train=train, enabled=self.spectral_norm)

    h = normalize(x, (0.5,), (0.5,))
    for i, width in enumerate(self.widths):
      conv = nn.Conv(
        width,
        (4, 4),
        (2, 2),
        padding=((1, 1), (1, 1)),
        use_bias=i == 0 or self.batch_norm == "none",
        kernel_init=_init,
        dtype=self.dtype,
        name=f"conv_{i}",
      )
      h = normed(conv)(h)
      if i > 0:
        h = batch_norm(self.batch_norm, train=train, name=f"norm_{i}")(h)
      h = nn.leaky_relu(h, 0.2)
    last = nn.Dense(1, kernel_init=_init, dtype=jnp.float32, name="dense")
    return normed(last)(h.reshape(len(h), -1).astype(jnp.float32))[:, 0]
