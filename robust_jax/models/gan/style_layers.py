"""Layers of StyleGAN2: equalized learning rates, modulated convolutions."""

import math

import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.typing import DTypeLike

from robust_jax.types import Array

_SMALLEST = 1e-8  # squared norm that is added: a root has no slope at 0
_SLOPE = 0.2


class Equalized(nn.Module):
  """A dense layer or a convolution of stride 1 with equalized learning rate.

  Stored weights have a standard deviation of 1 / rate at the beginning and are
  multiplied by rate / sqrt(fan-in) when they are used. So an optimizer whose
  steps do not depend on the scale of gradients, such as Adam, changes all
  layers at the same relative speed, times `rate`.

  Attributes:
    features: number of outputs.
    size: height and width of the kernel; None for a dense layer.
    rate: multiplier of the learning rate.
    bias: value of the bias at the beginning; None for no bias.
    dtype: dtype of the computation.

  Source: Karras et al. 2018, "Progressive growing of GANs for improved quality,
  stability, and variation", section 4.1.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models.gan.style_layers import Equalized
    >>> model, x = Equalized(3, rate=0.01), jnp.ones((2, 5))
    >>> variables = jax.eval_shape(model.init, jax.random.key(0), x)
    >>> variables["params"]["equalized"].shape
    (5, 3)
  """

  features: int
  size: int | None = None
  rate: float = 1.0
  bias: float | None = 0.0
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps `[B, ..., C]` to `[B, ..., features]`."""
    kernel = equalized_kernel(self, x.shape[-1], self.rate).astype(self.dtype)
    x = x.astype(self.dtype)
    y = x @ kernel if self.size is None else _convolved(x, kernel)
    if self.bias is None:
      return y
    initial = nn.initializers.constant(self.bias / self.rate)
    bias = self.param("bias", initial, (self.features,))
    return y + (self.rate * bias).astype(self.dtype)


class ModulatedConv(nn.Module):
  """A convolution whose input channels are scaled for each example.

      y_o = d_o sum_i w_io * (s_i x_i),   d_o = (sum_i s_i^2 |w_io|^2)^(-1/2)

  The demodulation d makes the outputs of independent inputs of variance 1 have
  variance 1, whatever the styles s.

  Attributes:
    features: number of output channels.
    size: height and width of the kernel.
    demodulate: if False, d is 1.
    dtype: dtype of the convolution; styles and d are float32.

  Source: Karras et al. 2020, "Analyzing and improving the image quality of
  StyleGAN", equations 1 to 3.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models.gan.style_layers import ModulatedConv
    >>> x, style = jnp.ones((2, 4, 4, 3)), jnp.ones((2, 3))
    >>> layer, init = ModulatedConv(5, 3), jax.random.key(0)
    >>> layer.init_with_output(init, x, style)[0].shape
    (2, 4, 4, 5)
  """

  features: int
  size: int
  demodulate: bool = True
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, x: Array, style: Array) -> Array:
    """Maps images `[B, H, W, C]` and styles `[B, C]` to `[B, H, W, features]`.

    The result is float32.
    """
    kernel = equalized_kernel(self, x.shape[-1])
    scaled = x.astype(jnp.float32) * style[:, None, None]
    y = _convolved(scaled.astype(self.dtype), kernel.astype(self.dtype))
    y = y.astype(jnp.float32)
    if not self.demodulate:
      return y
    squared = jnp.square(kernel).sum(axis=(0, 1))
    power = jnp.sum(jnp.square(style)[:, :, None] * squared, axis=1)
    return y * lax.rsqrt(power + _SMALLEST)[:, None, None]


def equalized_kernel(
  layer: Equalized | ModulatedConv, num_inputs: int, rate: float = 1.0
) -> Array:
  """The kernel that a layer uses, of its parameter "equalized"."""
  size = () if layer.size is None else (layer.size, layer.size)
  shape = (*size, num_inputs, layer.features)
  stored = layer.param("equalized", nn.initializers.normal(1 / rate), shape)
  return stored * (rate / math.sqrt(math.prod(shape[:-1])))


def leaky_relu(x: Array) -> Array:
  """Leaky ReLU of slope 0.2, times the root of 2."""
  return nn.leaky_relu(x, _SLOPE) * math.sqrt(2)


def unit_norm(z: Array) -> Array:
  """Divides each `[B, Z]` by the root of its mean square, in float32."""
  z = z.astype(jnp.float32)
  return z * lax.rsqrt(
    jnp.mean(jnp.square(z), axis=1, keepdims=True) + _SMALLEST
  )


def minibatch_std(x: Array, group_size: int) -> Array:
  """Appends a channel: how much the examples of a group differ.

  It is the standard deviation over the group, averaged over pixels and
  channels, the same for all examples of the group.

  Args:
    x: `[B, H, W, C]`.
    group_size: number of examples of a group, a divisor of B; a group consists
      of every (B / group_size)-th example.

  Returns:
    `[B, H, W, C + 1]`.

  Raises:
    ValueError: group_size does not divide B.

  Source: Karras et al. 2018, "Progressive growing of GANs for improved quality,
  stability, and variation", section 3.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models.gan.style_layers import minibatch_std
    >>> x = jnp.array([1.0, 3.0]).reshape(2, 1, 1, 1)
    >>> minibatch_std(x, 2)[..., 1].ravel().tolist()
    [1.0, 1.0]
  """
  if len(x) % group_size:
    raise ValueError(
      f"minibatch_std = {group_size} for a batch of {len(x)} examples on each "
      "device: expected a divisor. Choose another batch size, or 0 for none."
    )
  groups = x.astype(jnp.float32).reshape(group_size, -1, *x.shape[1:])
  deviation = jnp.sqrt(groups.var(axis=0) + _SMALLEST).mean(axis=(1, 2, 3))
  channel = jnp.tile(deviation, group_size)[:, None, None, None]
  return jnp.concatenate(
    [x, jnp.broadcast_to(channel, (*x.shape[:3], 1)).astype(x.dtype)], axis=-1
  )


def _convolved(x: Array, kernel: Array) -> Array:
  return lax.conv_general_dilated(
    x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
  )
