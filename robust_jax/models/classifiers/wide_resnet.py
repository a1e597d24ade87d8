"""Wide residual network for 32x32 images; WRN-28-10 by default."""

import functools
from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.activations import activation
from robust_jax.models.classifiers.image_classifier import ImageClassifier
from robust_jax.models.layers import (
  he_conv,
  normalization,
  normalize,
)
from robust_jax.types import Array


class WideResNet(ImageClassifier):
  """Wide residual network (WRN): three groups of pre-activation blocks.

  By default (WRN-28-10) there are 36,479,194 parameters, without running
  statistics. Layers have the names of the PyTorch code used with TRADES and by
  RobustBench, with `_` for `.`; `layouts` has DeepMind's. There is no dropout.

  Attributes:
    num_classes: K.
    depth: number of layers, 6 n + 4 for n blocks per group.
    widen: factor of the 16, 32 and 64 channels of the groups.
    batch_norm: "per_device" or "synchronized", see `layers.batch_norm`.
    activation: "relu", "silu", "softplus" or "gelu", see
      `activations.activation`.
    norm: "batch", "group" or "layer", see `layers.normalization`. Layers keep
      their names.
    padding: "symmetric", or "same" as in DeepMind's networks, see
      `layers.he_conv`.
    mean: mean of the pixels, per channel, in [0, 1].
    std: standard deviation of the pixels, likewise.
    remat: whether the backward pass of training recomputes the inside of each
      block from its input: less memory, for a forward pass more (Chen et al.
      2016, "Training Deep Nets with Sublinear Memory Cost").
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Zagoruyko and Komodakis, "Wide Residual Networks", 2016. Convolutions
  are in He initialization (fan out) as in their code, the last layer in
  LeCun's. The global pooling covers whatever size is left, 8x8 for 32x32
  images.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import WideResNet
    >>> model, x = WideResNet(depth=10, widen=1), jnp.ones((2, 8, 8, 3))
    >>> init = model.init_with_output
    >>> logits, variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> logits.shape
    (2, 10)
  """

  depth: int = 28
  widen: int = 10
  batch_norm: str = "per_device"
  activation: str = "relu"
  norm: str = "batch"
  padding: str = "symmetric"
  remat: bool = False

  def setup(self):
    self.fc = nn.Dense(self.num_classes)

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Applies the last layer, `fc`: `[B, D]` -> logits `[B, K]`."""
    del train
    return self.fc(h)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """Maps x `[B, H, W, C]` in [0, 1] to pooled channels `[B, D]`.

    Raises:
      ValueError: depth is not 6 n + 4 for a positive n.
    """
    blocks, remainder = divmod(self.depth - 4, 6)
    if blocks < 1 or remainder:
      raise ValueError(
        f"depth = {self.depth}: expected 6 n + 4 for n blocks per group, such "
        "as 10, 16, 28, 34 or 70."
      )
    norm = functools.partial(
      normalization, self.norm, self.batch_norm, train=train
    )
    act = activation(self.activation)
    make_block = nn.remat(_Block) if self.remat and train else _Block
    x = normalize(x, self.mean, self.std)
    x = he_conv(16, 3, 1, self.dtype, name="conv1")(x)
    for group in range(3):
      for block in range(blocks):
        x = make_block(
          features=16 * self.widen * 2**group,
          stride=2 if group > 0 and block == 0 else 1,
          norm=norm,
          act=act,
          padding=self.padding,
          dtype=self.dtype,
          name=f"block{group + 1}_layer_{block}",
        )(x)
    x = act(norm(name="bn1")(x.astype(jnp.float32)))
    return x.mean((1, 2), dtype=jnp.float32)


class _Block(nn.Module):
  features: int
  stride: int
  norm: Callable[..., Callable[[Array], Array]]
  act: Callable[[Array], Array]
  padding: str
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: Array) -> Array:
    conv = functools.partial(he_conv, dtype=self.dtype, padding=self.padding)
    bn1, bn2 = self.norm(name="bn1"), self.norm(name="bn2")
    out = self.act(bn1(x))
    shortcut = x
    if x.shape[-1] != self.features:
      project = conv(self.features, 1, self.stride, name="convShortcut")
      shortcut = project(out)
    out = conv(self.features, 3, self.stride, name="conv1")(out)
    out = self.act(bn2(out))
    out = conv(self.features, 3, 1, name="conv2")(out)
    return out + shortcut
