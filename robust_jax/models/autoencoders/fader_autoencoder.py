"""An autoencoder whose decoder is told the label."""

import math

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.layers import batch_norm, normalize
from robust_jax.types import Array


class FaderAutoencoder(nn.Module):
  """Image -> code; code and label -> image.

  Encoder: 3x3 convolutions, each with BatchNorm and pooled 2x2; dropout; dense.
  Decoder: dense, then one transposed 4x4 convolution for each pooling, each
  doubling the size; tanh, mapped to [0, 1].

  The label is a vector: one-hot for classes, one number for each binary
  attribute, 0 or 1. Numbers between, beyond, and weighted_averages of classes
  are answered too, and are how one label is faded into another.

  Attributes:
    num_classes: K, the length of the label vector where there are no
      attributes.
    num_attributes: A, the length of the label vector where it is not 0.
    image_shape: `(H, W, C)`; H and W multiples of `2 ** len(widths)`.
    code_size: D.
    widths: channels of the encoder's convolutions; the decoder has
      `decoder_widths`.
    decoder_widths: channels before each transposed convolution, from the code
      on.
    dropout: the fraction of the pooled maps that a training step leaves out.
    label_planes: the label as constant planes at the input of every transposed
      convolution, beside the maps; False shows it to the dense layer alone.
    batch_norm: "per_device", "synchronized" or "none", see `batch_norm`.
    dtype: of the computation, see `robust_jax.precision`.

  Source: Lample et al., "Fader Networks: Manipulating Images by Sliding
  Attributes", 2017, appendix, reduced to two layers; its code is a map of
  2x2x512, ours a vector.
  """

  num_classes: int = 10
  num_attributes: int = 0
  image_shape: tuple[int, int, int] = (28, 28, 1)
  code_size: int = 16
  widths: tuple[int, ...] = (16, 32)
  decoder_widths: tuple[int, ...] = (32, 16)
  dropout: float = 0.1
  label_planes: bool = False
  batch_norm: str = "per_device"
  dtype: DTypeLike = jnp.float32

  @property
  def num_labels(self) -> int:
    """L, the length of the label vector."""
    return self.num_attributes or self.num_classes

  def setup(self):
    self._check()
    self.encoder = _Encoder(
      self.widths, self.code_size, self.dropout, self.batch_norm, self.dtype
    )
    self.decoder = _Decoder(
      self.image_shape,
      self.decoder_widths,
      self.label_planes,
      self.batch_norm,
      self.dtype,
    )

  def __call__(self, x: Array, labels: Array, *, train: bool = False) -> Array:
    """x `[B, H, W, C]` in [0, 1], its label vectors -> x redrawn."""
    return self.decode(self.encode(x, train=train), labels, train=train)

  def encode(self, x: Array, *, train: bool = False) -> Array:
    """x `[B, H, W, C]` in [0, 1] -> code `[B, D]`.

    With `train` the batch's own statistics normalize it, and `apply` takes
    `rngs={"dropout": key}`.

    Raises:
      ValueError: x is not of `image_shape`.
    """
    if x.shape[1:] != tuple(self.image_shape):
      raise ValueError(
        f"images of shape {x.shape[1:]}: expected image_shape = "
        f"{tuple(self.image_shape)}, as the model was made for."
      )
    return self.encoder(x, train=train)

  def decode(self, code: Array, labels: Array, *, train: bool = False) -> Array:
    """code `[B, D]`, label vectors `[B, L]` -> x `[B, H, W, C]` in [0, 1].

    Raises:
      ValueError: the label vectors are not of length L.
    """
    if labels.ndim != 2 or labels.shape[1] != self.num_labels:
      raise ValueError(
        f"label vectors of shape {labels.shape}: expected [B, "
        f"{self.num_labels}], one number for each class or attribute."
      )
    return self.decoder(code, labels.astype(jnp.float32), train=train)

  def _check(self):
    for widths in (self.widths, self.decoder_widths):
      step = 2 ** len(widths)
      height, width, _ = self.image_shape
      if not widths or height % step or width % step:
        raise ValueError(
          f"images of {height}x{width} cannot be drawn by {len(widths)} "
          "transposed convolutions that double the size: expected multiples of "
          f"{step}. Pad them, or choose widths and decoder_widths of another "
          "length."
        )


class _Encoder(nn.Module):
  widths: tuple[int, ...]
  code_size: int
  dropout: float
  batch_norm: str
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: Array, *, train: bool) -> Array:
    x = normalize(x)
    for i, width in enumerate(self.widths, start=1):
      x = nn.Conv(width, (3, 3), dtype=self.dtype, name=f"conv{i}")(x)
      x = nn.max_pool(x, (2, 2), strides=(2, 2))
      x = nn.relu(batch_norm(self.batch_norm, train=train, name=f"bn{i}")(x))
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    code = nn.Dense(self.code_size, name="code")(x.reshape(len(x), -1))
    return batch_norm(self.batch_norm, train=train, name="bn_code")(code)


class _Decoder(nn.Module):
  image_shape: tuple[int, int, int]
  widths: tuple[int, ...]
  label_planes: bool
  batch_norm: str
  dtype: DTypeLike

  @nn.compact
  def __call__(self, code: Array, labels: Array, *, train: bool) -> Array:
    height, width, channels = self.image_shape
    scale = 2 ** len(self.widths)
    shape = height // scale, width // scale, self.widths[0]
    x = jnp.concatenate([code, labels], axis=-1)
    dense = nn.Dense(math.prod(shape), dtype=self.dtype, name="dense")
    x = dense(x).reshape(-1, *shape)
    outputs = (*self.widths[1:], channels)
    for i, features in enumerate(outputs, start=1):
      x = nn.relu(batch_norm(self.batch_norm, train=train, name=f"bn{i}")(x))
      if self.label_planes:
        planes = jnp.broadcast_to(
          labels[:, None, None], (*x.shape[:3], labels.shape[-1])
        )
        x = jnp.concatenate([x, planes], axis=-1)
      x = nn.ConvTranspose(
        features,
        (4, 4),
        strides=(2, 2),
        dtype=self.dtype if i < len(outputs) else jnp.float32,
        name=f"transposed{i}",
      )(x)
    return (nn.tanh(x) + 1) / 2
