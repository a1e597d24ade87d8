"""BigGAN at small size: a class-conditional residual pair."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.gan.class_layers import (
  ORTHOGONAL,
  ModulatedBatchNorm,
  SelfAttention,
  check_labels,
)
from robust_jax.models.gan.resampling import (
  downsample,
  grid_of,
  to_unit_box,
  upsample,
)
from robust_jax.models.layers import batch_norm, normalize
from robust_jax.models.spectral_norm import spectral_norm
from robust_jax.types import Array


class BigganGenerator(nn.Module):
  """Generates images of a class by modulated residual blocks (BigGAN).

  The latent is divided into one part for each width. The first becomes a grid
  of features by a dense layer; then a residual block with upsampling by two
  leads to each further width, whose BatchNorm layers have a gain and bias that
  are linear in a further part of the latent and an embedding of the class,
  which all of them share; then BatchNorm, ReLU, a 3x3 convolution and tanh,
  mapped to [0, 1].

  Attributes:
    image_shape: `(H, W, C)`; H and W are multiples of `2^(len(widths) - 1)`.
    num_classes: K, the length of label vectors.
    widths: channels of each resolution, in order from the latent to the image.
    conditional: if False, it takes no labels, and BatchNorm is modulated by the
      latent alone.
    embedding_size: length of the embedding of a class.
    attention_at: place in `widths` of the features with self-attention, or None
      for none.
    batch_norm: "per_device", "synchronized" or "none", see `layers.batch_norm`.
    spectral_norm: whether kernels are divided by their largest singular value,
      see `models.spectral_norm`.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Brock et al. 2019, "Large scale GAN training for high fidelity natural
  image synthesis", section 3 and appendix B, with latents in parts, shared
  embedding, orthogonal initialization and self-attention. Without classes: Chen
  et al. 2019, "On self modulation for generative adversarial networks".

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import BigganGenerator
    >>> model = BigganGenerator((28, 28, 1), num_classes=10)
    >>> z, labels = jnp.ones((5, 16)), jnp.eye(5, 10)
    >>> init = model.init_with_output
    >>> x, variables = jax.eval_shape(init, jax.random.key(0), z, labels)
    >>> x.shape
    (5, 28, 28, 1)
  """

  image_shape: tuple[int, int, int]
  num_classes: int
  widths: Sequence[int] = (128, 64, 32)
  conditional: bool = True
  embedding_size: int = 32
  attention_at: int | None = 1
  batch_norm: str = "per_device"
  spectral_norm: bool = True
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self, z: Array, labels: Array | None = None, *, train: bool = False
  ) -> Array:
    """Maps latents z `[B, Z]` to images `[B, H, W, C]` in [0, 1].

    Args:
      z: latents, Z at least the number of widths.
      labels: label vectors `[B, K]`, one-hot or mixtures of classes.
      train: whether BatchNorm normalizes by the statistics of the batch.

    Raises:
      ValueError: H or W is no multiple of `2^(len(widths) - 1)`, there are no
        label vectors of length K, or no place `attention_at`.
    """
    check_labels(labels, self.num_classes, conditional=self.conditional)
    grid = grid_of(self.image_shape, len(self.widths) - 1)
    normed = _normed(self, train)
    first, *parts = jnp.array_split(
      z.reshape(len(z), -1), len(self.widths), axis=1
    )
    if self.conditional:
      embed = _dense(self.embedding_size, self.dtype, "embedding", bias=False)
      shared = normed(embed)(labels)
      parts = [jnp.concatenate([part, shared], axis=1) for part in parts]
    size = grid[0] * grid[1] * self.widths[0]
    h = normed(_dense(size, self.dtype, "dense"))(first)
    h = _attended(self, h.reshape(-1, *grid, self.widths[0]), 0, train)
    for i, part in enumerate(parts, start=1):
      h = _attended(self, self._block(h, part, i, train), i, train)
    norm = batch_norm(self.batch_norm, train=train, name="norm")
    last = _conv(self.image_shape[2], 3, jnp.float32, "image")
    return to_unit_box(normed(last)(nn.relu(norm(h).astype(jnp.float32))))

  def _block(self, h: Array, v: Array, place: int, train: bool) -> Array:
    """A residual block of upsampling, modulated by vectors v `[B, V]`."""
    width, normed = self.widths[place], _normed(self, train)
    bias = self.batch_norm == "none"  # a norm would remove it

    def conv(h, size, name):
      layer = _conv(width, size, self.dtype, f"{name}_{place}", bias=bias)
      return normed(layer)(h)

    def activated(h, name):
      norm = ModulatedBatchNorm(
        self.batch_norm, self.spectral_norm, self.dtype, name=f"{name}_{place}"
      )
      return nn.relu(norm(h, v, train=train))

    # A 1x1 convolution commutes with the repetition of pixels.
    skip = conv(h, 1, "skip")
    h = conv(upsample(activated(h, "norm1")), 3, "conv1")
    return conv(activated(h, "norm2"), 3, "conv2") + upsample(skip)


class BigganDiscriminator(nn.Module):
  """Scores images of a class by residual blocks and a projection (BigGAN).

  A 3x3 convolution, then for each further width a residual block with
  downsampling by two, then ReLU and the sum h over all pixels. The output is

      w h + b + <E y, h>

  with the label vector y and an embedding E of classes.

  Attributes:
    num_classes: K, the length of label vectors.
    widths: channels of each resolution, in order from the image to the output.
    conditional: if False, it takes no labels, and there is no last term.
    attention_at: place in `widths` of the features with self-attention, or None
      for none.
    spectral_norm: whether kernels are divided by their largest singular value,
      see `models.spectral_norm`.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Miyato and Koyama 2018, "cGANs with projection discriminator",
  equation 4 and figure 2; blocks, attention and initialization as for
  `BigganGenerator`.

  Deviation: the first layer is a convolution instead of a block.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import BigganDiscriminator
    >>> model = BigganDiscriminator(num_classes=10)
    >>> x, labels = jnp.ones((5, 28, 28, 1)), jnp.eye(5, 10)
    >>> init = model.init_with_output
    >>> outputs, variables = jax.eval_shape(init, jax.random.key(0), x, labels)
    >>> outputs.shape
    (5,)
  """

  num_classes: int
  widths: Sequence[int] = (32, 64, 128)
  conditional: bool = True
  attention_at: int | None = 1
  spectral_norm: bool = True
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(
    self, x: Array, labels: Array | None = None, *, train: bool = False
  ) -> Array:
    """Computes outputs `[B]` of images in [0, 1], larger where x seems real.

    Args:
      x: images `[B, H, W, C]`.
      labels: label vectors `[B, K]` of their classes.
      train: whether the vectors of spectral normalization move.

    Raises:
      ValueError: H or W is no multiple of `2^(len(widths) - 1)`, there are no
        label vectors of length K, or no place `attention_at`.
    """
    check_labels(labels, self.num_classes, conditional=self.conditional)
    height, width, channels = x.shape[1:]
    grid_of((height, width, channels), len(self.widths) - 1)
    normed = _normed(self, train)
    h = normalize(x, (0.5,), (0.5,))
    h = normed(_conv(self.widths[0], 3, self.dtype, "image"))(h)
    for i in range(len(self.widths)):
      if i > 0:
        h = self._block(h, i, normed)
      h = _attended(self, h, i, train)
    features = nn.relu(h).astype(jnp.float32).sum(axis=(1, 2))
    outputs = normed(_dense(1, jnp.float32, "dense"))(features)[:, 0]
    if self.conditional:
      width = self.widths[-1]
      embed = _dense(width, jnp.float32, "embedding", bias=False)
      outputs += jnp.sum(normed(embed)(labels) * features, axis=1)
    return outputs

  def _block(self, h: Array, place: int, normed: Callable) -> Array:
    """A residual block of downsampling."""
    width = self.widths[place]
    skip = normed(_conv(width, 1, self.dtype, f"skip_{place}"))(downsample(h))
    h = normed(_conv(width, 3, self.dtype, f"conv1_{place}"))(nn.relu(h))
    h = normed(_conv(width, 3, self.dtype, f"conv2_{place}"))(nn.relu(h))
    return downsample(h) + skip


def _normed(network, train: bool) -> Callable[[nn.Module], Callable]:
  """Spectral normalization of a layer, as the network asks for it."""
  return lambda layer: spectral_norm(
    layer, train=train, enabled=network.spectral_norm
  )


def _attended(network, h: Array, place: int, train: bool) -> Array:
  """The features with self-attention, at the place that has it.

  Raises:
    ValueError: no place has it although the network asks for it.
  """
  places = range(len(network.widths))
  if network.attention_at not in (None, *places):
    raise ValueError(
      f"attention_at = {network.attention_at}: expected None, or a place in "
      f"widths, from 0 to {places[-1]}."
    )
  if place != network.attention_at:
    return h
  layer = SelfAttention(network.spectral_norm, network.dtype, name="attention")
  return layer(h, train=train)


def _conv(
  features: int, size: int, dtype: DTypeLike, name: str, *, bias: bool = True
) -> nn.Conv:
  return nn.Conv(
    features,
    (size, size),
    use_bias=bias,
    kernel_init=ORTHOGONAL,
    dtype=dtype,
    name=name,
  )


def _dense(
  features: int, dtype: DTypeLike, name: str, *, bias: bool = True
) -> nn.Dense:
  return nn.Dense(
    features, use_bias=bias, kernel_init=ORTHOGONAL, dtype=dtype, name=name
  )
