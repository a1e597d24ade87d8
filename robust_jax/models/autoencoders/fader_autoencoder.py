"""Fader autoencoder: a decoder conditioned on the label."""

import math

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.layers import batch_norm, normalize
from robust_jax.types import Array


class FaderAutoencoder(nn.Module):
  """Fader network: an encoder of images, and a decoder of codes and labels.

  Encoder: 3x3 convolutions, each followed by 2x2 max pooling and BatchNorm,
  then dropout and a dense layer. Decoder: a dense layer, then one transposed
  4x4 convolution of stride 2 per entry of `decoder_widths`, then tanh, mapped
  to [0, 1].

  The label is a vector: one-hot for classes, one number (0 or 1) for each
  binary attribute. The decoder also accepts values between and beyond these and
  mixtures of classes; they fade one label into another.

  Attributes:
    num_classes: K, the length of the label vector if `num_attributes` is 0.
    num_attributes: A, the length of the label vector unless it is 0.
    image_shape: `(H, W, C)`; H and W are multiples of `2 ** len(widths)` and of
      `2 ** len(decoder_widths)`.
    code_size: D, the length of a code.
    widths: channels of the encoder's convolutions.
    decoder_widths: channels at the input of each transposed convolution, in
      order from the code to the image.
    dropout: dropout rate of the pooled maps in training.
    label_planes: if True, the label is appended as constant planes to the input
      of every transposed convolution; if False, only the dense layer reads it.
    batch_norm: "per_device", "synchronized" or "none", see `layers.batch_norm`.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Lample et al., "Fader Networks: Manipulating Images by Sliding
  Attributes", 2017, appendix.

  Deviation: two layers by default; the code is a vector, in the paper a map of
  2x2x512.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import FaderAutoencoder
    >>> model = FaderAutoencoder(3, image_shape=(8, 8, 1), code_size=2)
    >>> x, labels = jnp.ones((4, 8, 8, 1)), jnp.eye(4, 3)
    >>> init = model.init_with_output
    >>> images, variables = jax.eval_shape(init, jax.random.key(0), x, labels)
    >>> images.shape
    (4, 8, 8, 1)
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
    """The length L of the label vector."""
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
    """Encodes x `[B, H, W, C]` in [0, 1] and decodes it under its labels."""
    return self.decode(self.encode(x, train=train), labels, train=train)

  def encode(self, x: Array, *, train: bool = False) -> Array:
    """Encodes x `[B, H, W, C]` in [0, 1] into codes `[B, D]`.

    With `train=True` BatchNorm uses the statistics of the batch, and `apply`
    needs `rngs={"dropout": key}`.

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
    """Decodes codes `[B, D]` under label vectors `[B, L]`.

    Returns:
      Images `[B, H, W, C]` in [0, 1].

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
