"""CenterNet: an anchor-free detector of objects by their centers."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax import cells
from robust_jax.models.activations import activation
from robust_jax.models.layers import (
  he_conv,
  normalization,
  normalize,
)
from robust_jax.types import Array
from robust_jax.xla_cpu.materialize import materialize

_PRIOR = 0.01
_UNIT = 4 * cells.STRIDE
"""Pixels of a unit of the distances to the sides of a box."""
_LARGEST = 32
"""An image has sides that are multiples of it, in pixels."""


class CenterNet(nn.Module):
  """CenterNet: an anchor-free detector of objects by their centers.

  Blocks of 4x4 pixels are the channels of the first map. Residual stages at 4,
  8, 16 and 32 pixels a cell, and a path back up by repetition of cells, end in
  one map of 4 pixels a cell, whose last layer gives each cell a logit for each
  class, of being the center of such an object, and the distances from its
  middle to the four sides of a box, `16 softplus(.)` in pixels. There are
  1,177,672 parameters for four classes.

  The middle of the cell that an object's center lies in is inside its box if no
  side is shorter than 4 pixels, so that every such box can be given exactly.

  Attributes:
    num_classes: K.
    width: channels at 4 pixels a cell; there are 2, 4 and 4 times as many in
      the other stages.
    norm: "group", "batch", "layer", "instance" or "none", see
      `layers.normalization`.
    activation: "silu", "relu" or "softplus", see `activations.activation`.
    mean: mean of the pixels, per channel, in [0, 1].
    std: standard deviation of the pixels, likewise.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Zhou, Wang and Kraehenbuehl 2019, "Objects as points", with distances
  to the sides as in Tian et al. 2019, "FCOS: fully convolutional one-stage
  object detection".

  Deviation: a small residual network instead of a pre-trained one, whose first
  layer reads blocks of pixels; one map of boxes, without offsets of centers.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import CenterNet
    >>> model, x = CenterNet(num_classes=4), jnp.ones((2, 64, 96, 3))
    >>> init = model.init_with_output
    >>> outputs, variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> outputs["heatmap"].shape, outputs["boxes"].shape
    ((2, 16, 24, 4), (2, 16, 24, 4))
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    1177672
  """

  num_classes: int
  width: int = 32
  norm: str = "group"
  activation: str = "silu"
  mean: tuple[float, ...] = (0.0,)
  std: tuple[float, ...] = (1.0,)
  dtype: DTypeLike = jnp.float32

  def setup(self):
    self.last = nn.Dense(self.num_classes + 4, bias_init=self._bias)

  def _bias(self, key, shape, dtype=jnp.float32) -> Array:
    """Begins with few centers, and boxes of about 20 pixels."""
    del key, shape
    logits = jnp.full(self.num_classes, jnp.log(_PRIOR / (1 - _PRIOR)))
    return jnp.concatenate([logits, jnp.zeros(4)]).astype(dtype)

  def __call__(self, x: Array, *, train: bool = False) -> dict[str, Array]:
    """Computes the raw outputs of images `[B, H, W, C]` in [0, 1].

    Returns:
      "heatmap", logits `[B, h, w, K]`, and "boxes" `[B, h, w, 4]` in pixels, of
      cells of 4x4 pixels.

    Raises:
      ValueError: H or W is no multiple of 32.
    """
    return self.head(self.features(x, train=train), train=train)

  def head(self, h: Array, *, train: bool = False) -> dict[str, Array]:
    """Applies the last layer: features `[B, h, w, D]` -> raw outputs."""
    del train
    raw = self.last(h.astype(jnp.float32))
    heatmap, sides = raw[..., : self.num_classes], raw[..., self.num_classes :]
    distance = _UNIT * nn.softplus(sides)
    middle = cells.points(*h.shape[1:3])
    corners = middle - distance[..., :2], middle + distance[..., 2:]
    return {"heatmap": heatmap, "boxes": jnp.concatenate(corners, axis=-1)}

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """Maps x `[B, H, W, C]` in [0, 1] to `[B, H / 4, W / 4, 2 width]`."""
    _check_sides(x)
    layers = functools.partial(
      _ConvNorm,
      norm=functools.partial(normalization, self.norm, "per_device"),
      act=activation(self.activation),
      dtype=self.dtype,
      train=train,
    )
    x = _blocks_to_channels(normalize(x, self.mean, self.std), cells.STRIDE)
    h = layers(self.width, name="stem")(x)
    stages = []
    for stage, growth in enumerate((1, 2, 4, 4)):
      if stage:
        h = layers(self.width * growth, stride=2, name=f"down{stage}")(h)
      h = _residual(layers, h, f"stage{stage}")
      stages.append(h)
    for stage in (2, 1, 0):
      channels = stages[stage].shape[-1]
      above = layers(channels, size=1, name=f"lateral{stage}")(h)
      h = _repeated(above) + stages[stage]
      h = layers(channels, name=f"up{stage}")(h)
    return layers(2 * self.width, name="features")(h).astype(jnp.float32)


class _ConvNorm(nn.Module):
  """Convolution, normalization and activation."""

  features: int
  norm: Callable[..., Callable[[Array], Array]]
  act: Callable[[Array], Array]
  dtype: DTypeLike
  train: bool
  size: int = 3
  stride: int = 1

  @nn.compact
  def __call__(self, x: Array) -> Array:
    conv = he_conv(
      self.features, self.size, self.stride, self.dtype, name="conv"
    )
    norm = self.norm(train=self.train, name="norm")
    return self.act(norm(conv(x)))


def _residual(layers, x: Array, name: str) -> Array:
  h = layers(x.shape[-1], name=f"{name}_a")(x)
  return x + layers(x.shape[-1], name=f"{name}_b")(h)


def _blocks_to_channels(x: Array, side: int) -> Array:
  """`[B, H, W, C]` -> `[B, H / side, W / side, side^2 C]`."""
  batch, height, width, channels = x.shape
  h, w = height // side, width // side
  x = x.reshape(batch, h, side, w, side, channels).swapaxes(2, 3)
  return x.reshape(batch, h, w, side * side * channels)


def _repeated(x: Array) -> Array:
  """Doubles height and width by repetition."""
  batch, height, width, channels = x.shape
  x = jnp.broadcast_to(
    x[:, :, None, :, None], (batch, height, 2, width, 2, channels)
  )
  return x.reshape(batch, 2 * height, 2 * width, channels)


def _check_sides(x: Array) -> None:
  if x.ndim == 4 and (x.shape[1] % _LARGEST or x.shape[2] % _LARGEST):
    raise ValueError(
      f"images of {x.shape[1]}x{x.shape[2]} pixels: expected multiples of "
      f"{_LARGEST}; pad or resize them."
    )


def detect(
  outputs: dict[str, Array], max_per_class: int = 100
) -> dict[str, Array]:
  """Reads detections from raw outputs: the local maxima of each class.

  A cell is one if no logit of its class in the 3x3 cells around it is larger.
  Nothing else is suppressed, and there is no threshold.

  Args:
    outputs: raw outputs, as `CenterNet` makes them.
    max_per_class: the largest number of detections of a class in an image, as
      in COCO.

  Returns:
    "boxes" `[B, M, 4]`, clipped to the image; "scores" `[B, M]` from 0 to 1,
    which decrease within each class and are 0 where there are no more maxima;
    and "classes" `[B, M]` int32.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models.detection.center_net import detect
    >>> heatmap = jnp.full((1, 8, 8, 1), -9.0).at[0, 2, 3].set(0.0)
    >>> boxes = jnp.broadcast_to(jnp.float32([3, 4, 40, 16]), (1, 8, 8, 4))
    >>> found = detect({"heatmap": heatmap, "boxes": boxes}, max_per_class=2)
    >>> found["boxes"][0, 0].tolist(), found["scores"][0, 0].item()
    ([3.0, 4.0, 32.0, 16.0], 0.5)
  """
  # A logit is compared with itself: computed twice, in two fused loops, it may
  # differ in its last bit.
  logits, boxes = materialize(outputs["heatmap"]), outputs["boxes"]
  batch, height, width, num_classes = logits.shape
  around = nn.max_pool(logits, (3, 3), padding="SAME")
  peaks = jnp.where(logits >= around, logits, -jnp.inf)
  peaks = peaks.reshape(batch, -1, num_classes).swapaxes(1, 2)
  number = min(max_per_class, height * width)
  best, cell = jax.lax.top_k(peaks, number)
  cell = cell.reshape(batch, -1, 1)
  found = jnp.take_along_axis(boxes.reshape(batch, -1, 4), cell, axis=1)
  size = jnp.float32([width, height, width, height]) * cells.STRIDE
  classes = jnp.arange(num_classes, dtype=jnp.int32).repeat(number)
  return {
    "boxes": found.clip(0, size),
    "scores": nn.sigmoid(best).reshape(batch, -1),
    "classes": jnp.broadcast_to(classes, (batch, len(classes))),
  }
