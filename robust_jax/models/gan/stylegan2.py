"""StyleGAN2 at small size: styles, noise, and residual discriminator."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.blur_pool import blur_pool
from robust_jax.models.gan.resampling import (
  grid_of,
  smooth_upsample,
  to_unit_box,
)
from robust_jax.models.gan.style_layers import (
  Equalized,
  ModulatedConv,
  leaky_relu,
  minibatch_std,
  unit_norm,
)
from robust_jax.models.layers import normalize
from robust_jax.types import Array

_FIXED_NOISE = 0  # seed of the noise in inference


class Stylegan2Generator(nn.Module):
  """Generates images by modulated convolutions of a learned grid (StyleGAN2).

  A mapping network maps the latent, divided by its length, to a vector w. The
  convolutions of a learned grid are modulated by styles, linear in w; after
  each there is noise of a learned strength, which is 0 at the beginning, and
  leaky ReLU. The first width has one such convolution, further ones have smooth
  upsampling by two and two of them. A modulated 1x1 convolution and tanh, to
  [0, 1], make the image.

  In training noise is drawn for each pixel, and with the probability
  `style_mixing` an example has the w of another random latent from a random
  layer on. In inference there is no mixing, and the noise is always the same.

  Attributes:
    image_shape: `(H, W, C)`; H and W are multiples of `2^(len(widths) - 1)`.
    widths: channels of each resolution, in order from the latent to the image.
    style_size: length of w and of the layers of the mapping network.
    mapping_layers: number of layers of the mapping network, each with leaky
      ReLU.
    mapping_rate: multiplier of its learning rate.
    style_mixing: probability of an example of two latents, in training.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Karras et al. 2020, "Analyzing and improving the image quality of
  StyleGAN", figure 2 and appendix B.

  Deviation: an image is made of the last features alone, without those of lower
  resolutions (output skips), and there is no path length regularization.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import Stylegan2Generator
    >>> model, z = Stylegan2Generator((28, 28, 1)), jnp.ones((5, 16))
    >>> init = model.init_with_output
    >>> x, variables = jax.eval_shape(init, jax.random.key(0), z)
    >>> x.shape
    (5, 28, 28, 1)
  """

  image_shape: tuple[int, int, int]
  widths: Sequence[int] = (64, 64, 32)
  style_size: int = 64
  mapping_layers: int = 2
  mapping_rate: float = 0.01
  style_mixing: float = 0.9
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, z: Array, *, train: bool = False) -> Array:
    """Maps latents z `[B, Z]` to images `[B, H, W, C]` in [0, 1].

    With `train=True`, `apply` needs `rngs={"dropout": key}`.

    Raises:
      ValueError: H or W is no multiple of `2^(len(widths) - 1)`.
    """
    grid = grid_of(self.image_shape, len(self.widths) - 1)
    num_layers = 2 * len(self.widths)  # the last one makes the image
    styles = self._styles(z.reshape(len(z), -1), num_layers, train)
    normal = nn.initializers.normal(1.0)
    basis = self.param("basis", normal, (*grid, self.widths[0]))
    h = jnp.broadcast_to(basis, (len(z), *basis.shape))
    h = self._styled(h, styles[0], self.widths[0], 0, train)
    for i, width in enumerate(self.widths[1:], start=1):
      h = smooth_upsample(h)
      for layer in (2 * i - 1, 2 * i):
        h = self._styled(h, styles[layer], width, layer, train)
    style = self._affine(styles[-1], h.shape[-1], "image")
    last = ModulatedConv(self.image_shape[2], 1, demodulate=False, name="image")
    bias = self.param("bias", nn.initializers.zeros, self.image_shape[2:])
    return to_unit_box(last(h, style) + bias)

  def _styles(self, z: Array, num_layers: int, train: bool) -> Array:
    """The vector w of each layer, `[L, B, style_size]`."""
    layers = [
      Equalized(
        self.style_size,
        rate=self.mapping_rate,
        dtype=self.dtype,
        name=f"mapping_{i}",
      )
      for i in range(self.mapping_layers)
    ]

    def mapped(z):
      w = unit_norm(z)
      for layer in layers:
        w = leaky_relu(layer(w))
      return w

    w = jnp.broadcast_to(mapped(z), (num_layers, len(z), self.style_size))
    if not train or not self.style_mixing:
      return w
    keys = jax.random.split(self.make_rng("dropout"), 3)
    other = mapped(jax.random.normal(keys[0], z.shape))
    mixed = jax.random.bernoulli(keys[1], self.style_mixing, z.shape[:1])
    since = jax.random.randint(keys[2], z.shape[:1], 1, num_layers)
    since = jnp.where(mixed, since, num_layers)
    is_other = jnp.arange(num_layers)[:, None] >= since
    return jnp.where(is_other[..., None], other, w)

  def _affine(self, w: Array, features: int, name: str) -> Array:
    affine = Equalized(
      features, bias=1.0, dtype=self.dtype, name=f"style_{name}"
    )
    return affine(w).astype(jnp.float32)

  def _styled(
    self, h: Array, w: Array, width: int, layer: int, train: bool
  ) -> Array:
    """A modulated convolution with noise and its activation."""
    style = self._affine(w, h.shape[-1], f"{layer}")
    conv = ModulatedConv(width, 3, dtype=self.dtype, name=f"conv_{layer}")
    h = conv(h, style)
    strength = self.param(f"noise_{layer}", nn.initializers.zeros, ())
    bias = self.param(f"bias_{layer}", nn.initializers.zeros, (width,))
    if train:
      noise = jax.random.normal(self.make_rng("dropout"), (*h.shape[:3], 1))
    else:
      key = jax.random.fold_in(jax.random.key(_FIXED_NOISE), layer)
      noise = jax.random.normal(key, (*h.shape[1:3], 1))
    return leaky_relu(h + strength * noise + bias)


class Stylegan2Discriminator(nn.Module):
  """Scores images by residual blocks of equalized layers (StyleGAN2).

  A 1x1 convolution, then for each further width a residual block, whose two 3x3
  convolutions and whose 1x1 skip end with smooth downsampling by two, then a
  3x3 convolution and two dense layers.

  Attributes:
    widths: channels of each resolution, in order from the image to the output.
    minibatch_std: number of examples of a group whose deviation the last layers
      see (4 in the paper), or 0 for none. With it an output depends on other
      examples, so `tasks.gan` refuses penalties of the gradient.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: as for `Stylegan2Generator`, figure 7.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import Stylegan2Discriminator
    >>> model, x = Stylegan2Discriminator(), jnp.ones((5, 28, 28, 1))
    >>> init = model.init_with_output
    >>> outputs, variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> outputs.shape
    (5,)
  """

  widths: Sequence[int] = (32, 64, 64)
  minibatch_std: int = 0
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """Computes outputs `[B]` of images in [0, 1], larger where x seems real.

    Raises:
      ValueError: minibatch_std does not divide B.
    """
    del train

    def layer(h, features, size, name):
      made = Equalized(features, size, dtype=self.dtype, name=name)
      return leaky_relu(made(h))

    h = layer(normalize(x, (0.5,), (0.5,)), self.widths[0], 1, "image")
    for i, width in enumerate(self.widths[1:], start=1):
      skip = Equalized(width, 1, bias=None, dtype=self.dtype, name=f"skip_{i}")
      inner = layer(h, h.shape[-1], 3, f"conv1_{i}")
      inner = layer(blur_pool(inner), width, 3, f"conv2_{i}")
      h = (skip(blur_pool(h)) + inner) / math.sqrt(2)
    if self.minibatch_std:  # init is called with one example
      h = minibatch_std(h, 1 if self.is_initializing() else self.minibatch_std)
    width = self.widths[-1]
    h = layer(h, width, 3, "conv")
    h = layer(h.reshape(len(h), -1), width, None, "dense").astype(jnp.float32)
    return Equalized(1, name="output")(h)[:, 0]
