"""Layers that several networks share: normalization and convolution."""

import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.parallel import AXIS
from robust_jax.types import Array

_AXIS_NAMES = {"per_device": None, "synchronized": AXIS}


def normalize(
  x: Array, mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,)
) -> Array:
  """Centers and scales images per channel: `(x - mean) / std`.

  Normalization is the first layer of a model, so that data, attacks and
  corruptions all work on [0, 1] and a radius means the same for every model.

  Args:
    x: images `[B, H, W, C]`, floats in [0, 1].
    mean: one value per channel, or a single one for all, in units of x.
    std: standard deviations, likewise; positive.

  Returns:
    `[B, H, W, C]` float32.

  Raises:
    ValueError: x is not a batch of float images, or mean and std do not fit it.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models import layers
    >>> x = jnp.ones((1, 2, 2, 3))
    >>> layers.normalize(x, mean=(0.5,), std=(0.25,))[0, 0, 0].tolist()
    [2.0, 2.0, 2.0]
  """
  if x.ndim != 4:
    raise ValueError(
      f"images of shape {x.shape}: expected a batch [B, H, W, C]; write "
      "x[None] for a single image, x[..., None] for a missing channel axis."
    )
  if not jnp.issubdtype(x.dtype, jnp.floating):
    raise ValueError(
      f"images of dtype {x.dtype}: expected floats in [0, 1]; convert 8-bit "
      "images by x.astype('float32') / 255."
    )
  for name, values in (("mean", mean), ("std", std)):
    if len(values) not in (1, x.shape[-1]):
      raise ValueError(
        f"{name} = {tuple(values)} for images of {x.shape[-1]} channels: "
        "expected one value per channel, or a single one for all."
      )
  if not np.all(np.asarray(std) > 0):
    raise ValueError(f"std = {tuple(std)}: expected positive values.")
  center, scale = (jnp.asarray(values, jnp.float32) for values in (mean, std))
  return (x.astype(jnp.float32) - center) / scale


def batch_norm(
  statistics: str, *, train: bool, name: str, affine: bool = True
) -> Callable[[Array], Array]:
  """Batch normalization over all axes but the channels.

  Running averages are kept in the collection "batch_stats" and move by a tenth
  in each training step. With `train=False` they are fixed and normalize the
  batch, so the model that an attack sees does not depend on the batch.
  Statistics and arithmetic are float32, whatever dtype the model computes in.
  The result is bfloat16 if the input is, and float32 otherwise.

  Args:
    statistics: the examples that a training step computes its statistics over:
      "per_device", each device's part of the batch, or "synchronized", the
      whole batch (averaged over `parallel.AXIS`). Running averages of
      "per_device" differ between devices, so the step averages them itself.
      With "none" the layer is the identity.
    train: True to normalize by batch statistics, False by running averages.
    name: the name of the layer.
    affine: whether a gain and a bias of each channel are learned.

  Returns:
    The layer, `[B, ..., C]` -> `[B, ..., C]`.

  Raises:
    ValueError: statistics is none of these.

  Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network
  Training by Reducing Internal Covariate Shift", 2015, with PyTorch's default
  momentum and epsilon.

  Deviation: the running variance is the biased one that also normalizes;
  PyTorch keeps the unbiased one.
  """
  if statistics == "none":
    return lambda x: x
  if statistics not in _AXIS_NAMES:
    raise ValueError(
      f"batch_norm = {statistics!r}: expected 'per_device' (statistics of each "
      "device's part of the batch), 'synchronized' (of the whole batch) or "
      "'none'."
    )
  return _BatchNorm(
    use_running_average=not train,
    axis_name=_AXIS_NAMES[statistics],
    momentum=0.9,
    epsilon=1e-5,
    dtype=jnp.float32,
    use_scale=affine,
    use_bias=affine,
    name=name,
  )


class _BatchNorm(nn.BatchNorm):
  """`nn.BatchNorm` whose result has the dtype of the computation."""

  def __call__(self, x: Array, *args, **options) -> Array:
    return super().__call__(x, *args, **options).astype(_dtype_of_result(x))


def layer_norm(name: str) -> Callable[[Array], Array]:
  """Layer normalization over the channels of each pixel or token by itself.

  The `norm = "layer"` of `normalization` is over height and width as well.
  Dtypes are those of `batch_norm`.

  Args:
    name: the name of the layer.

  Returns:
    The layer, `[B, ..., C]` -> `[B, ..., C]`.

  Source: Ba, Kiros and Hinton, "Layer Normalization", 2016, with the epsilon of
  1e-6 that ConvNeXt and vision Transformers have.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import layers
    >>> layer, x = layers.layer_norm(None), jnp.array([[1.0, 3.0]])
    >>> layer.init_with_output(jax.random.key(0), x)[0].round(3).tolist()
    [[-1.0, 1.0]]
  """
  return _LayerNorm(
    epsilon=1e-6, use_fast_variance=False, dtype=jnp.float32, name=name
  )


class _LayerNorm(nn.LayerNorm):
  """`nn.LayerNorm` whose result has the dtype of the computation."""

  def __call__(self, x: Array, *args, **options) -> Array:
    return super().__call__(x, *args, **options).astype(_dtype_of_result(x))


def _dtype_of_result(x: Array) -> DTypeLike:
  """Returns the dtype of normalized x: bfloat16 stays, others are float32."""
  return jnp.bfloat16 if x.dtype == jnp.bfloat16 else jnp.float32


def he_conv(
  features: int,
  size: int,
  stride: int,
  dtype: DTypeLike,
  *,
  name: str,
  padding: str = "symmetric",
) -> nn.Conv:
  """A convolution without bias, in He initialization.

  Args:
    features: number of output channels.
    size: height and width of the kernel, odd.
    stride: stride along both axes.
    dtype: dtype of the computation.
    name: the name of the layer.
    padding: "symmetric" pads `size // 2` zeros on every side, as PyTorch does;
      "same" pads `size - stride` zeros along each axis, the odd one last, as
      TensorFlow's SAME does at sizes that the stride divides. They differ in
      convolutions with a stride, where weights trained with one see images
      shifted by a pixel with the other.

  Raises:
    ValueError: padding is neither.

  Source: He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", 2015: normal
  with variance `2 / (size^2 features)`, the backward form (fan out), which the
  original code of both residual networks uses.
  """
  if padding not in ("symmetric", "same"):
    raise ValueError(f"padding = {padding!r}: expected 'symmetric' or 'same'.")
  zeros = size - stride if padding == "same" else 2 * (size // 2)
  before = max(zeros, 0) // 2
  return nn.Conv(
    features,
    (size, size),
    strides=(stride, stride),
    padding=((before, max(zeros, 0) - before),) * 2,
    use_bias=False,
    kernel_init=nn.initializers.variance_scaling(2.0, "fan_out", "normal"),
    dtype=dtype,
    name=name,
  )


def normalization(
  kind: str, batch_statistics: str, *, train: bool, name: str
) -> Callable[[Array], Array]:
  """A normalization layer of a network, named in a config.

  "group", "layer" and "instance" normalize each example by itself, in training
  too: over height, width and the channels of one group. Nothing depends on the
  batch, and there are no running statistics. Dtypes are those of `batch_norm`.

  Args:
    kind: "batch" (`batch_norm`), "group" (groups of 16 channels, or more where
      16 does not divide their number), "layer" (one group), "instance" (each
      channel a group) or "none" (the identity).
    batch_statistics: `statistics` of `batch_norm`.
    train: of `batch_norm`.
    name: the name of the layer.

  Returns:
    The layer, `[B, ..., C]` -> `[B, ..., C]`.

  Raises:
    ValueError: the kind is none of these, or is not "batch" although statistics
      are to be synchronized.

  Source: Wu and He, "Group Normalization", 2018, with its 16 channels per
  group; section 3.1 for layer normalization as one group and instance
  normalization as groups of one channel.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models import layers
    >>> layer = layers.normalization("batch", "none", train=True, name="bn")
    >>> layer(jnp.ones((1, 2, 2, 3))).shape
    (1, 2, 2, 3)
  """
  if kind == "batch":
    return batch_norm(batch_statistics, train=train, name=name)
  if kind not in ("group", "layer", "instance", "none"):
    raise ValueError(
      f"norm = {kind!r}: expected 'batch', 'group', 'layer', 'instance' or "
      "'none'."
    )
  if batch_statistics == "synchronized":
    raise ValueError(
      f"batch_norm = 'synchronized' with norm = {kind!r}, which has no "
      "statistics of the batch: leave batch_norm out, or choose norm = 'batch'."
    )

  if kind == "none":
    return lambda x: x

  def apply(x: Array) -> Array:
    channels = x.shape[-1]
    groups = {
      "group": math.gcd(channels, max(1, channels // 16)),
      "layer": 1,
      "instance": channels,
    }[kind]
    norm = nn.GroupNorm(groups, epsilon=1e-5, dtype=jnp.float32, name=name)
    return norm(x).astype(_dtype_of_result(x))

  return apply
