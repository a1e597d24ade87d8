"""Residual network with normalization after convolutions (ResNet)."""

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

_EXPANSION = {"basic": 1, "bottleneck": 4}


class ResNet(ImageClassifier):
  """Residual network (ResNet), post-activation; ResNet-18 by default.

  Each stage after the first halves the size of the maps and doubles their
  number. By default there are 11,173,962 parameters for 10 classes, without
  running statistics. ResNet-34 has `num_blocks=(3, 4, 6, 3)`, ResNet-50 these
  and `block="bottleneck"`, Wide ResNet-50-2 also `bottleneck_factor=2`. Layers
  have the names of the usual PyTorch code for CIFAR, with `_` for `.`;
  `layouts` has those of torchvision.

  Attributes:
    num_classes: K.
    num_blocks: number of blocks of each stage.
    block: "basic" (two convolutions 3x3) or "bottleneck" (1x1, 3x3 and 1x1 to
      four times as many channels).
    stem: "cifar" (a convolution 3x3) or "imagenet" (7x7 with stride 2, then
      maxima of 3x3 with stride 2).
    width: number of channels of the first stage, before a bottleneck's last
      convolution.
    bottleneck_factor: factor of the channels of a bottleneck's convolution 3x3.
    batch_norm: "per_device" or "synchronized", see `layers.batch_norm`.
    activation: "relu", "silu", "softplus" or "gelu", see
      `activations.activation`.
    norm: "batch", "group" or "layer", see `layers.normalization`. Layers keep
      their names.
    mean: mean of the pixels, per channel, in [0, 1].
    std: standard deviation of the pixels, likewise.
    remat: whether the backward pass of training recomputes the inside of each
      block from its input: less memory, for a forward pass more (Chen et al.
      2016, "Training Deep Nets with Sublinear Memory Cost").
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: He, Zhang, Ren and Sun, "Deep Residual Learning for Image
  Recognition", 2016. As in torchvision a bottleneck has its stride in the
  convolution 3x3. Convolutions are in He initialization (fan out), the last
  layer in LeCun's. The global pooling covers whatever size is left.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import ResNet
    >>> init, x = ResNet().init, jnp.ones((1, 32, 32, 3))
    >>> variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    11173962
  """

  num_blocks: tuple[int, ...] = (2, 2, 2, 2)
  block: str = "basic"
  stem: str = "cifar"
  width: int = 64
  bottleneck_factor: int = 1
  batch_norm: str = "per_device"
  activation: str = "relu"
  norm: str = "batch"
  remat: bool = False

  def setup(self):
    self.linear = nn.Dense(self.num_classes)

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Applies the last layer, `linear`: `[B, D]` -> logits `[B, K]`."""
    del train
    return self.linear(h)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """Maps x `[B, H, W, C]` in [0, 1] to pooled channels `[B, D]`.

    Raises:
      ValueError: there is no such block or stem.
    """
    _check_choice("block", self.block, _EXPANSION)
    _check_choice("stem", self.stem, ("cifar", "imagenet"))
    norm = functools.partial(
      normalization, self.norm, self.batch_norm, train=train
    )
    act = activation(self.activation)
    make_block = nn.remat(_Block) if self.remat and train else _Block
    x = normalize(x, self.mean, self.std)
    size, stride = (7, 2) if self.stem == "imagenet" else (3, 1)
    x = he_conv(self.width, size, stride, self.dtype, name="conv1")(x)
    x = act(norm(name="bn1")(x))
    if self.stem == "imagenet":
      x = nn.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
    for stage, blocks in enumerate(self.num_blocks):
      for block in range(blocks):
        x = make_block(
          kind=self.block,
          width=self.width * 2**stage,
          stride=2 if stage > 0 and block == 0 else 1,
          bottleneck_factor=self.bottleneck_factor,
          norm=norm,
          act=act,
          dtype=self.dtype,
          name=f"layer{stage + 1}_{block}",
        )(x)
    return x.mean((1, 2), dtype=jnp.float32)


class _Block(nn.Module):
  kind: str
  width: int
  stride: int
  bottleneck_factor: int
  norm: Callable[..., Callable[[Array], Array]]
  act: Callable[[Array], Array]
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: Array) -> Array:
    conv = functools.partial(he_conv, dtype=self.dtype)
    convolutions = self._convolutions()
    x = x.astype(self.dtype)
    features, out = self.width * _EXPANSION[self.kind], x
    for i, (channels, size, stride) in enumerate(convolutions, start=1):
      if i > 1:
        out = self.act(out)
      out = conv(channels, size, stride, name=f"conv{i}")(out)
      if i == len(convolutions):
        # The sum is float32 and is rounded once, where the next block begins.
        out = out.astype(jnp.float32)
      out = self.norm(name=f"bn{i}")(out)
    if self.stride != 1 or x.shape[-1] != features:
      x = conv(features, 1, self.stride, name="shortcut_0")(x)
      x = self.norm(name="shortcut_1")(x.astype(jnp.float32))
    return self.act(out + x)

  def _convolutions(self) -> list[tuple[int, int, int]]:
    """Channels, size and stride of each convolution on the main path."""
    if self.kind == "basic":
      return [(self.width, 3, self.stride), (self.width, 3, 1)]
    inner = self.width * self.bottleneck_factor
    return [(inner, 1, 1), (inner, 3, self.stride), (4 * self.width, 1, 1)]


def _check_choice(field, value, choices):
  if value not in choices:
    raise ValueError(f"{field} = {value!r}: expected {' or '.join(choices)}.")
