"""Transformer whose attention is between channels (XCiT)."""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.activations import activation
from robust_jax.models.classifiers.image_classifier import ImageClassifier
from robust_jax.models.layers import (
  batch_norm,
  he_conv,
  layer_norm,
  normalize,
)
from robust_jax.models.text.text_transformer import attend
from robust_jax.types import Array

_PATCH_SIZES = (1, 2, 4, 8, 16)
_INIT = nn.initializers.normal(0.02)
_HALF_OF_POSITION = 32  # numbers for the row, and as many for the column


class XCiT(ImageClassifier):
  """Cross-covariance image Transformer (XCiT); XCiT-S12 by default.

  Four convolutions make a token of each patch. A block adds to the tokens their
  cross-covariance attention, which mixes the channels of a head with weights
  from correlations of channels over the tokens; then two depthwise convolutions
  3x3 of the tokens as an image; then two dense layers. In blocks of class
  attention, which follow, a class token alone attends to all tokens. By default
  there are 25,872,154 parameters for 10 classes, without running statistics.
  XCiT-M12 has `embedding_size=512`, XCiT-L12 `embedding_size=768,
  num_heads=16`. Layers have the names of timm's code, with `_` for `.`, and
  `classifier` for `head`.

  Attributes:
    num_classes: K.
    num_blocks: number of blocks, and of those of class attention.
    embedding_size: length of a token, a multiple of num_heads and of 8.
    num_heads: attention heads of a block.
    patch_size: 1, 2, 4, 8 or 16 pixels, from one token to the next. With 16 all
      convolutions before the first block have stride 2, with less the last
      ones. Parameters are the same for all.
    batch_norm: "per_device" or "synchronized", see `layers.batch_norm`.
    mean: mean of the pixels, per channel, in [0, 1].
    std: standard deviation of the pixels, likewise.
    remat: whether the backward pass of training recomputes the inside of each
      block from its input: less memory, for a forward pass more (Chen et al.
      2016, "Training Deep Nets with Sublinear Memory Cost").
    dtype: dtype of the computation, see `robust_jax.precision`. The sums that
      blocks add to are float32.

  Source: El-Nouby et al., "XCiT: Cross-Covariance Image Transformers", 2021,
  with normalized tokens in class attention; with patches of 4 pixels and with
  factors of blocks that begin at 1: Debenedetti, Sehwag and Mittal, "A Light
  Recipe to Train Robust Vision Transformers", 2022.

  Deviation: there is no dropout and no stochastic depth in training.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import XCiT
    >>> init, x = XCiT().init, jnp.ones((1, 32, 32, 3))
    >>> variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    25872154
  """

  num_blocks: tuple[int, int] = (12, 2)
  embedding_size: int = 384
  num_heads: int = 8
  patch_size: int = 4
  batch_norm: str = "per_device"
  remat: bool = False

  def setup(self):
    self.classifier = nn.Dense(self.num_classes, kernel_init=_INIT)

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Applies the last layer, `classifier`: `[B, D]` -> logits `[B, K]`."""
    del train
    return self.classifier(h)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """Maps x `[B, H, W, C]` in [0, 1] to the class token `[B, D]`.

    Raises:
      ValueError: there is no such patch size, or heads do not divide a token.
    """
    self._check()
    norm = functools.partial(batch_norm, self.batch_norm, train=train)
    recomputed = self.remat and train
    make_block = nn.remat(_Block) if recomputed else _Block
    make_class_block = nn.remat(_ClassBlock) if recomputed else _ClassBlock
    size = self.embedding_size
    x = self._patches(normalize(x, self.mean, self.std), norm)
    project = nn.Conv(
      size, (1, 1), dtype=self.dtype, name="pos_embed_token_projection"
    )
    positions = project(_fourier_positions(*x.shape[1:3]))
    x = x.astype(jnp.float32) + positions.astype(jnp.float32)
    for i in range(self.num_blocks[0]):
      x = make_block(self.num_heads, norm, self.dtype, name=f"blocks_{i}")(x)
    token = self.param("cls_token", _INIT, (1, 1, size))
    token = jnp.broadcast_to(token, (len(x), 1, size))
    x = jnp.concatenate([token, x.reshape(len(x), -1, size)], axis=1)
    for i in range(self.num_blocks[1]):
      x = make_class_block(
        self.num_heads, self.dtype, name=f"cls_attn_blocks_{i}"
      )(x)
    return layer_norm("norm")(x[:, 0])

  def _patches(
    self, x: Array, norm: Callable[..., Callable[[Array], Array]]
  ) -> Array:
    """Maps images to tokens `[B, H / patch_size, W / patch_size, D]`."""
    halvings = _PATCH_SIZES.index(self.patch_size)
    for i in range(4):
      if i > 0:
        x = activation("gelu")(x)
      name = f"patch_embed_proj_{2 * i}"
      features = self.embedding_size // 2 ** (3 - i)
      stride = 2 if i >= 4 - halvings else 1
      x = he_conv(features, 3, stride, self.dtype, name=f"{name}_0")(x)
      x = norm(name=f"{name}_1")(x)
    return x

  def _check(self) -> None:
    if self.patch_size not in _PATCH_SIZES:
      raise ValueError(
        f"patch_size = {self.patch_size}: expected one of {_PATCH_SIZES}."
      )
    if self.embedding_size % math.lcm(8, self.num_heads):
      raise ValueError(
        f"embedding_size = {self.embedding_size}: expected a multiple of 8 and "
        f"of num_heads = {self.num_heads}."
      )


class _Block(nn.Module):
  """Cross-covariance attention, local patch interaction, dense layers."""

  num_heads: int
  norm: Callable[..., Callable[[Array], Array]]
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps tokens `[B, H, W, D]` to others."""
    add = functools.partial(_add_scaled, self)
    x = add("gamma1", x, self._attention(layer_norm("norm1")(x)))
    x = add("gamma3", x, self._local(layer_norm("norm3")(x)))
    return add("gamma2", x, _dense_layers(layer_norm("norm2")(x), self.dtype))

  def _attention(self, x: Array) -> Array:
    batch, *space, size = x.shape
    x = _dense(3 * size, self.dtype, "attn_qkv")(x)
    heads = (3, self.num_heads, size // self.num_heads)
    q, k, v = jnp.moveaxis(x.reshape(batch, -1, *heads), 2, 0)
    temperature = self.param(
      "attn_temperature", nn.initializers.ones, (self.num_heads, 1, 1)
    )
    q, k = (_unit_over_tokens(part).astype(v.dtype) for part in (q, k))
    scores = jnp.einsum("bnhc,bnhd->bhcd", q, k).astype(jnp.float32)
    weights = jax.nn.softmax(scores * temperature, axis=-1).astype(v.dtype)
    mixed = jnp.einsum("bhcd,bnhd->bnhc", weights, v)
    return _dense(size, self.dtype, "attn_proj")(
      mixed.reshape(batch, *space, size)
    )

  def _local(self, x: Array) -> Array:
    size = x.shape[-1]
    depthwise = functools.partial(
      nn.Conv, size, (3, 3), feature_group_count=size, dtype=self.dtype
    )
    x = activation("gelu")(depthwise(name="local_mp_conv1")(x))
    return depthwise(name="local_mp_conv2")(self.norm(name="local_mp_bn")(x))


class _ClassBlock(nn.Module):
  """Attention of the class token, then dense layers on it."""

  num_heads: int
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """Maps tokens `[B, 1 + T, D]`, that of the class first, to others."""
    add = functools.partial(_add_scaled, self)
    y = layer_norm("norm1")(x)
    attended = self._attention(y)
    x = add("gamma1", x, jnp.concatenate([attended, y[:, 1:]], axis=1))
    # As in the released code the sum is with normalized tokens.
    x = layer_norm("norm2")(x)
    token = add("gamma2", x[:, :1], _dense_layers(x[:, :1], self.dtype))
    return jnp.concatenate([token, 2 * x[:, 1:]], axis=1)

  def _attention(self, x: Array) -> Array:
    batch, _, size = x.shape
    q, k, v = (
      _dense(size, self.dtype, f"attn_{name}")(tokens).reshape(
        batch, -1, self.num_heads, size // self.num_heads
      )
      for name, tokens in (("q", x[:, :1]), ("k", x), ("v", x))
    )
    mixed = attend(q, k, v).reshape(batch, 1, size)
    return _dense(size, self.dtype, "attn_proj")(mixed)


def _dense(features: int, dtype: DTypeLike, name: str) -> nn.Dense:
  return nn.Dense(features, kernel_init=_INIT, dtype=dtype, name=name)


def _dense_layers(x: Array, dtype: DTypeLike) -> Array:
  h = _dense(4 * x.shape[-1], dtype, "mlp_fc1")(x)
  return _dense(x.shape[-1], dtype, "mlp_fc2")(activation("gelu")(h))


def _add_scaled(block: nn.Module, name: str, x: Array, more: Array) -> Array:
  """Adds `more`, times a learned factor of each channel, to x in float32."""
  factor = block.param(name, nn.initializers.ones, (x.shape[-1],))
  return x + factor * more


def _unit_over_tokens(x: Array) -> Array:
  """Scales each channel of x `[B, T, heads, D]` to length 1 over the tokens."""
  x = x.astype(jnp.float32)
  squares = jnp.sum(x**2, axis=1, keepdims=True)
  return x * jax.lax.rsqrt(jnp.maximum(squares, 1e-24))


def _fourier_positions(height: int, width: int) -> np.ndarray:
  """Returns sines and cosines of positions, `[1, H, W, 64]`."""
  numbers = np.arange(_HALF_OF_POSITION)
  wavelengths = 10_000.0 ** (2 * (numbers // 2) / _HALF_OF_POSITION)

  def waves(length):
    at = 2 * np.pi * np.arange(1, length + 1) / (length + 1e-6)
    angles = at[:, None] / wavelengths
    return np.where(numbers % 2, np.cos(angles), np.sin(angles))

  shape = (height, width, _HALF_OF_POSITION)
  rows = np.broadcast_to(waves(height)[:, None], shape)
  columns = np.broadcast_to(waves(width), shape)
  return np.concatenate([rows, columns], axis=-1)[None].astype(np.float32)
