"""Layers and initializers that several networks share."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.parallel import AXIS
from robust_jax.types import Array

_AXIS_NAMES = {"per_device": None, "synchronized": AXIS}


def batch_norm(
  statistics: str, *, train: bool, name: str
) -> Callable[[Array], Array]:
  """Batch normalization over all axes but the channels.

  Running averages live in the collection "batch_stats" and move by a tenth
  per training step. With `train=False` they are frozen and are what
  normalizes: the model that an attack sees does not depend on the batch.
  Statistics, arithmetic and result are float32, whatever the model computes in.

  Args:
    statistics: what a training step normalizes with: "per_device", each
      device's fraction of the batch, or "synchronized", the whole batch,
      averaged over `parallel.AXIS`. Running averages of "per_device" differ
      between devices, so the step averages them itself. With "none" there is no
      layer.
    train: batch statistics (True) or running averages (False).
    name: the name of the layer.

  Raises:
    ValueError: statistics is none of these.

  Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network
  Training by Reducing Internal Covariate Shift", 2015. PyTorch's defaults;
  unlike there, the running variance is the biased one that normalizes.
  """
  if statistics == "none":
    return lambda x: x
  if statistics not in _AXIS_NAMES:
    raise ValueError(
      f"batch_norm = {statistics!r}: expected 'per_device' (statistics of each "
      "device's fraction of the batch), 'synchronized' (of the whole batch) or "
      "'none'."
    )
  return nn.BatchNorm(
    use_running_average=not train,
    axis_name=_AXIS_NAMES[statistics],
    momentum=0.9,
    epsilon=1e-5,
    name=name,
  )


def normalize(x: Array, mean: tuple = (0.0,), std: tuple = (1.0,)) -> Array:
  """Centers and scales images per channel: `(x - mean) / std`.

  It belongs to the model, so that data, attacks and corruptions all speak
  [0, 1] and a radius means the same for every model.

  Args:
    x: `[B, H, W, C]`, floats in [0, 1].
    mean: one value per channel, or a single one for all; in units of x.
    std: likewise, positive.

  Returns:
    `[B, H, W, C]` float32.

  Raises:
    ValueError: x is no batch of float images, or mean and std do not fit it.
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
  mean, std = (jnp.asarray(values, jnp.float32) for values in (mean, std))
  return (x.astype(jnp.float32) - mean) / std


def blur_pool(x: Array) -> Array:
  """`[B, H, W, C]` -> `[B, ceil(H / 2), ceil(W / 2), C]`.

  A binomial filter, (1, 2, 1) / 4 along both axes over the mirrored border, and
  then the pixels of even rows and columns, which those of stride 2 are.

  Source: Zhang 2019, "Making Convolutional Networks Shift-Invariant Again",
  section 3, with the filter Tri-3.
  """
  for axis in (1, 2):
    x = _halved(x, axis)
  return x


def _halved(x: Array, axis: int) -> Array:
  width = [(0, 0)] * x.ndim
  width[axis] = (1, 1)
  x = jnp.moveaxis(jnp.pad(x, width, "reflect"), axis, 0)
  before, here, after = x[:-2:2], x[1:-1:2], x[2::2]
  return jnp.moveaxis((before + 2 * here + after) / 4, 0, axis)


def he_conv(
  features: int, size: int, stride: int, dtype: DTypeLike, *, name: str
) -> nn.Conv:
  """A `size` x `size` convolution without bias, in He initialization.

  `size // 2` zeros on every side, as PyTorch pads: "SAME" would put the odd
  one of a strided convolution last and shift what published weights see.

  Source: He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015: normal with
  variance 2 / (size^2 features), its backward form (fan out), which the
  original code of both residual networks uses.
  """
  return nn.Conv(
    features,
    (size, size),
    strides=(stride, stride),
    padding=((size // 2, size // 2),) * 2,
    use_bias=False,
    kernel_init=nn.initializers.variance_scaling(2.0, "fan_out", "normal"),
    dtype=dtype,
    name=name,
  )
