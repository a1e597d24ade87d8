"""Pre-activation ResNet for 32x32 images; 18 layers by default."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.layers import batch_norm, blur_pool, he_conv, normalize
from robust_jax.types import Array


class PreActResNet(nn.Module):
  """Stages of pre-activation blocks; each stage halves size, doubles width.

  PreAct-ResNet-18 by default: 11,172,170 parameters for 10 classes. Layers
  bear the names of the usual PyTorch code, with `_` for `.`.

  The two switches cover the forms that published weights come in: both on,
  the paper's; `final_norm=False`, the widely copied CIFAR code without the
  last normalization; `preactivated_shortcut=False`, the one of "Fast is Better
  than Free". The last differ only in arithmetic, so a checkpoint of one loads
  into the other without complaint: know which you have.

  Attributes:
    num_classes: K.
    num_blocks: blocks per stage.
    width: channels of the first stage.
    batch_norm: "per_device" or "synchronized", see `batch_norm`.
    final_norm: normalize and rectify before pooling.
    preactivated_shortcut: a projecting shortcut starts after the block's first
      normalization and relu, not before.
    blur_pool: a block that halves does it by `models.blur_pool`, after its
      first convolution and relu and before its shortcut, not by stride: the
      anti-aliased network of Zhang 2019, with the same parameters.
    mean: of the pixels, per channel, in [0, 1].
    std: of the pixels, likewise.
    dtype: of the computation, see `robust_jax.precision`.

  Source: He, Zhang, Ren, Sun, "Identity Mappings in Deep Residual Networks",
  2016, with the 64 to 512 channels and 3x3 stem customary for 18 layers on
  CIFAR; convolutions in He initialization (fan out), the last layer in
  LeCun's. Pools over what is left of the image, 4x4 for 32x32.
  """

  num_classes: int = 10
  num_blocks: tuple[int, ...] = (2, 2, 2, 2)
  width: int = 64
  batch_norm: str = "per_device"
  final_norm: bool = True
  preactivated_shortcut: bool = True
  blur_pool: bool = False
  mean: tuple[float, ...] = (0.0,)
  std: tuple[float, ...] = (1.0,)
  dtype: DTypeLike = jnp.float32

  def setup(self):
    self.linear = nn.Dense(self.num_classes)

  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """x `[B, H, W, C]` in [0, 1] -> logits `[B, K]`.

    With `train` the batch's own statistics normalize it, and update the
    mutable collection "batch_stats".
    """
    return self.head(self.features(x, train=train), train=train)

  def head(self, h: Array, *, train: bool = False) -> Array:
    """What the last layer, `linear`, makes of `features`; logits `[B, K]`."""
    del train
    return self.linear(h)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """x `[B, H, W, C]` in [0, 1] -> pooled channels `[B, D]`."""
    x = normalize(x, self.mean, self.std)
    x = he_conv(self.width, 3, 1, self.dtype, name="conv1")(x)
    for stage, blocks in enumerate(self.num_blocks):
      for block in range(blocks):
        x = _Block(
          features=self.width * 2**stage,
          stride=2 if stage > 0 and block == 0 else 1,
          batch_norm=self.batch_norm,
          dtype=self.dtype,
          preactivated_shortcut=self.preactivated_shortcut,
          blur_pool=self.blur_pool,
          name=f"layer{stage + 1}_{block}",
        )(x, train)
    if self.final_norm:
      x = nn.relu(batch_norm(self.batch_norm, train=train, name="bn")(x))
    return x.mean((1, 2), dtype=jnp.float32)


class _Block(nn.Module):
  features: int
  stride: int
  batch_norm: str
  preactivated_shortcut: bool
  blur_pool: bool
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: Array, train: bool) -> Array:
    bn1 = batch_norm(self.batch_norm, train=train, name="bn1")
    bn2 = batch_norm(self.batch_norm, train=train, name="bn2")
    pooled = self.blur_pool and self.stride == 2
    pool, stride = (blur_pool, 1) if pooled else (lambda x: x, self.stride)
    out = nn.relu(bn1(x))
    shortcut = x
    if self.stride != 1 or x.shape[-1] != self.features:
      project = he_conv(self.features, 1, stride, self.dtype, name="shortcut_0")
      shortcut = project(pool(out if self.preactivated_shortcut else x))
    out = he_conv(self.features, 3, stride, self.dtype, name="conv1")(out)
    out = pool(nn.relu(bn2(out)))
    out = he_conv(self.features, 3, 1, self.dtype, name="conv2")(out)
    return out + shortcut
