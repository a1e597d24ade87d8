"""Network of depthwise convolutions and dense layers (ConvNeXt)."""

import functools

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.activations import activation
from robust_jax.models.classifiers.image_classifier import ImageClassifier
from robust_jax.models.layers import layer_norm, normalize
from robust_jax.types import Array

# Of each convolution 3x3: channels as a fraction of the first width, stride.
_CONVOLUTIONAL_STEMS = {
  "conv_2": ((0.5, 2), (1.0, 2)),
  "conv_3": ((0.5, 2), (0.75, 2), (1.0, 1)),
}
_STEM_STRIDE = 4
_LAYER_SCALE = 1e-6
_INIT = nn.initializers.normal(0.02)


class ConvNeXt(ImageClassifier):
  """Depthwise convolutions with dense layers (ConvNeXt); tiny by default.

  A block is `x + gamma * fc2(gelu(fc1(norm(conv_dw(x)))))` with a depthwise
  convolution 7x7, LayerNorm over the channels of each pixel, dense layers to
  four times as many channels and back, and a learned gamma per channel. Each
  stage after the first begins with LayerNorm and a convolution 2x2 with
  stride 2. By default it is ConvNeXt-T, of 28,589,128 parameters for 1,000
  classes. ConvNeXt-S has `num_blocks=(3, 3, 27, 3)`, ConvNeXt-B these and
  `widths=(128, 256, 512, 1024)`, ConvNeXt-L `widths=(192, 384, 768, 1536)`.
  Layers have the names of timm's code, with `_` for `.`.

  Attributes:
    num_classes: K.
    num_blocks: number of blocks of each stage.
    widths: number of channels of each stage.
    stem: "patch" (a convolution 4x4 with stride 4), or a convolutional stem of
      robust networks: "conv_2" (two convolutions 3x3 with stride 2, as in the
      tiny and the small network) or "conv_3" (a third one with stride 1, as in
      the base and the large one).
    mean: mean of the pixels, per channel, in [0, 1].
    std: standard deviation of the pixels, likewise.
    remat: whether the backward pass of training recomputes the inside of each
      block from its input: less memory, for a forward pass more (Chen et al.
      2016, "Training Deep Nets with Sublinear Memory Cost").
    dtype: dtype of the computation, see `robust_jax.precision`. The sums that
      blocks add to are float32: gamma is 1e-6 at first, and bfloat16 would
      round what it scales away.

  Source: Liu et al., "A ConvNet for the 2020s", 2022. Convolutional stems:
  Singh, Croce and Hein, "Revisiting Adversarial Training for ImageNet:
  Architectures, Training and Generalization across Threat Models", 2023.
  Kernels begin normal with deviation 0.02, which PyTorch's code truncates at
  100 deviations.

  Deviation: there is no stochastic depth in training.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import ConvNeXt
    >>> init, x = ConvNeXt(num_classes=1000).init, jnp.ones((1, 32, 32, 3))
    >>> variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    28589128
  """

  num_blocks: tuple[int, ...] = (3, 3, 9, 3)
  widths: tuple[int, ...] = (96, 192, 384, 768)
  stem: str = "patch"
  remat: bool = False

  def setup(self):
    self.head_fc = nn.Dense(self.num_classes, kernel_init=_INIT)

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Applies the last layer, `head_fc`: `[B, D]` -> logits `[B, K]`."""
    del train
    return self.head_fc(h)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """Maps x `[B, H, W, C]` in [0, 1] to normalized channels `[B, D]`.

    Raises:
      ValueError: there is no such stem, blocks and widths are not of as many
        stages, or the image is too small for them.
    """
    self._check(x)
    make_block = nn.remat(_Block) if self.remat and train else _Block
    x = self._stem(normalize(x, self.mean, self.std))
    for stage, blocks in enumerate(self.num_blocks):
      if stage > 0:
        x = layer_norm(f"stages_{stage}_downsample_0")(x)
        x = self._conv(
          self.widths[stage], 2, 2, name=f"stages_{stage}_downsample_1"
        )(x)
      x = x.astype(jnp.float32)
      for block in range(blocks):
        x = make_block(self.dtype, name=f"stages_{stage}_blocks_{block}")(x)
    return layer_norm("head_norm")(x.mean((1, 2)))

  def _stem(self, x: Array) -> Array:
    width = self.widths[0]
    if self.stem == "patch":
      x = self._conv(width, _STEM_STRIDE, _STEM_STRIDE, name="stem_0")(x)
      return layer_norm("stem_1")(x)
    for i, (fraction, stride) in enumerate(_CONVOLUTIONAL_STEMS[self.stem]):
      conv = functools.partial(self._conv, int(fraction * width), 3, stride)
      # Every third layer of PyTorch's sequence is the activation.
      x = conv(padding=1, name=f"stem_stem_{3 * i}")(x)
      x = activation("gelu")(layer_norm(f"stem_stem_{3 * i + 1}")(x))
    return x

  def _conv(
    self, features: int, size: int, stride: int, *, name: str, padding: int = 0
  ) -> nn.Conv:
    return nn.Conv(
      features,
      (size, size),
      strides=(stride, stride),
      padding=padding,
      kernel_init=_INIT,
      dtype=self.dtype,
      name=name,
    )

  def _check(self, x: Array) -> None:
    stems = ("patch", *_CONVOLUTIONAL_STEMS)
    if self.stem not in stems:
      raise ValueError(f"stem = {self.stem!r}: expected {' or '.join(stems)}.")
    if len(self.num_blocks) != len(self.widths):
      raise ValueError(
        f"num_blocks = {self.num_blocks} and widths = {self.widths}: expected "
        "one number of each for every stage."
      )
    smallest = _STEM_STRIDE * 2 ** (len(self.widths) - 1)
    if x.ndim == 4 and min(x.shape[1:3]) < smallest:
      raise ValueError(
        f"images of {x.shape[1]}x{x.shape[2]} pixels: expected at least "
        f"{smallest}x{smallest} for {len(self.widths)} stages; enlarge them, "
        "or give fewer num_blocks and widths."
      )


class _Block(nn.Module):
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: Array) -> Array:
    width = x.shape[-1]
    dense = functools.partial(nn.Dense, kernel_init=_INIT, dtype=self.dtype)
    out = nn.Conv(
      width,
      (7, 7),
      padding=3,
      feature_group_count=width,
      kernel_init=_INIT,
      dtype=self.dtype,
      name="conv_dw",
    )(x)
    out = dense(4 * width, name="mlp_fc1")(layer_norm("norm")(out))
    out = dense(width, name="mlp_fc2")(activation("gelu")(out))
    gamma = self.param(
      "gamma", nn.initializers.constant(_LAYER_SCALE), (width,)
    )
    return x + gamma * out
