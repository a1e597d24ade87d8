"""Pre-activation ResNet for 32x32 images; 18 layers by default."""

import functools
from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.activations import activation
from robust_jax.models.blur_pool import blur_pool
from robust_jax.models.classifiers.image_classifier import ImageClassifier
from robust_jax.models.layers import he_conv, normalization, normalize
from robust_jax.types import Array


class PreActResNet(ImageClassifier):
  """Pre-activation residual network; PreAct-ResNet-18 by default.

  Each stage halves the size of the maps and doubles their number. By default
  there are 11,172,170 parameters for 10 classes, without running statistics.
  Layers have the names of the usual PyTorch code, with `_` for `.`.

  Switches select the variants that published weights come in. By default it is
  the paper's network; `final_norm=False` is the widely copied CIFAR code
  without the last normalization; `preactivated_shortcut=False` is the network
  of "Fast is Better than Free". The latter has the same parameters as the
  paper's and differs only in arithmetic, so weights of one load into the other
  without an error: select the right one yourself, or by a layout (`layouts`).

  Attributes:
    num_classes: K.
    num_blocks: number of blocks of each stage.
    width: number of channels of the first stage.
    batch_norm: "per_device" or "synchronized", see `layers.batch_norm`.
    activation: "relu", "silu", "softplus" or "gelu", see
      `activations.activation`.
    norm: "batch", "group" or "layer", see `layers.normalization`. Layers keep
      their names.
    final_norm: whether normalization and relu precede the global pooling.
    preactivated_shortcut: whether a projecting shortcut starts after the
      block's first normalization and relu, or before.
    shortcut_size: height and width of the kernel of a projecting shortcut: 1,
      or 3 as in DeepMind's networks.
    padding: "symmetric", or "same" as in DeepMind's networks, see
      `layers.he_conv`.
    blur_pool: whether a block downsamples by `blur_pool.blur_pool`, after its
      first convolution and relu and before its shortcut, instead of by stride:
      the anti-aliased network of Zhang 2019, with the same parameters.
    mean: mean of the pixels, per channel, in [0, 1].
    std: standard deviation of the pixels, likewise.
    remat: whether the backward pass of training recomputes the inside of each
      block from its input: less memory, for a forward pass more (Chen et al.
      2016, "Training Deep Nets with Sublinear Memory Cost").
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: He, Zhang, Ren and Sun, "Identity Mappings in Deep Residual Networks",
  2016, with the 64 to 512 channels and the 3x3 stem customary for 18 layers on
  CIFAR. Convolutions are in He initialization (fan out), the last layer in
  LeCun's. The global pooling covers whatever size is left, 4x4 for 32x32
  images.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import PreActResNet
    >>> init, x = PreActResNet().init, jnp.ones((1, 32, 32, 3))
    >>> variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    11172170
  """

  num_blocks: tuple[int, ...] = (2, 2, 2, 2)
  width: int = 64
  batch_norm: str = "per_device"
  activation: str = "relu"
  norm: str = "batch"
  final_norm: bool = True
  preactivated_shortcut: bool = True
  shortcut_size: int = 1
  padding: str = "symmetric"
  blur_pool: bool = False
  remat: bool = False

  def setup(self):
    self.linear = nn.Dense(self.num_classes)

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Applies the last layer, `linear`: `[B, D]` -> logits `[B, K]`."""
    del train
    return self.linear(h)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """Maps x `[B, H, W, C]` in [0, 1] to pooled channels `[B, D]`."""
    norm = functools.partial(
      normalization, self.norm, self.batch_norm, train=train
    )
    act = activation(self.activation)
    make_block = nn.remat(_Block) if self.remat and train else _Block
    x = normalize(x, self.mean, self.std)
    x = he_conv(self.width, 3, 1, self.dtype, name="conv1")(x)
    for stage, blocks in enumerate(self.num_blocks):
      for block in range(blocks):
        x = make_block(
          features=self.width * 2**stage,
          stride=2 if stage > 0 and block == 0 else 1,
          norm=norm,
          act=act,
          dtype=self.dtype,
          preactivated_shortcut=self.preactivated_shortcut,
          shortcut_size=self.shortcut_size,
          padding=self.padding,
          blur_pool=self.blur_pool,
          name=f"layer{stage + 1}_{block}",
        )(x)
    if self.final_norm:
      x = act(norm(name="bn")(x.astype(jnp.float32)))
    return x.mean((1, 2), dtype=jnp.float32)


class _Block(nn.Module):
  features: int
  stride: int
  norm: Callable[..., Callable[[Array], Array]]
  act: Callable[[Array], Array]
  preactivated_shortcut: bool
  shortcut_size: int
  padding: str
  blur_pool: bool
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: Array) -> Array:
    conv = functools.partial(he_conv, dtype=self.dtype, padding=self.padding)
    bn1, bn2 = self.norm(name="bn1"), self.norm(name="bn2")
    pooled = self.blur_pool and self.stride == 2
    pool, stride = (blur_pool, 1) if pooled else (lambda x: x, self.stride)
    out = self.act(bn1(x))
    shortcut = x
    if self.stride != 1 or x.shape[-1] != self.features:
      project = conv(
        self.features, self.shortcut_size, stride, name="shortcut_0"
      )
      shortcut = project(pool(out if self.preactivated_shortcut else x))
    out = conv(self.features, 3, stride, name="conv1")(out)
    out = pool(self.act(bn2(out)))
    out = conv(self.features, 3, 1, name="conv2")(out)
    return out + shortcut
