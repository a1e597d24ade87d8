"""Digital corruptions: contrast, quantization, saturation, pixelation."""

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import constants
from robust_jax.corruptions.base import corruption, levels
from robust_jax.types import Array, Key
from robust_jax.xla_cpu.materialize import materialize

_CONTRAST_IMAGENET = (0.4, 0.3, 0.2, 0.1, 0.05)
_CONTRAST = {
  299: _CONTRAST_IMAGENET,
  224: _CONTRAST_IMAGENET,
  64: _CONTRAST_IMAGENET,
  32: (0.75, 0.5, 0.4, 0.3, 0.15),
}


@corruption
def contrast(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Low contrast: each channel is contracted towards its mean over the image.

  `x' = mean + c (x - mean)`, with c by severity. See `base.corruption` for
  arguments and result. Deterministic.

  Source: Hendrycks and Dietterich 2019.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> x = jax.numpy.array([0.0, 1.0]).reshape(1, 1, 2, 1)
    >>> y = jax.jit(corruptions.contrast)(keys, x, 5)
    >>> (255 * y).round().ravel().tolist()
    [108.0, 146.0]
  """
  del keys
  factor = constants.pick(constants.rows(_CONTRAST, x, size), severity)
  mean = x.mean(axis=(1, 2), keepdims=True)
  return (x - mean) * factor + mean


@corruption
def color_quant(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Color quantization: keeps the first `6 - severity` bits of each channel.

  See `base.corruption` for arguments and result; `size` has no effect.
  Deterministic.

  Source: Kar et al. 2022, "3D common corruptions and data augmentation"
    (ImageNet-3DCC), "color quantization".

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> x = jax.numpy.full((1, 1, 1, 1), 200 / 255)
    >>> y = jax.jit(corruptions.color_quant)(keys, x, 5)
    >>> round(255 * y.item())
    128
  """
  del keys, size
  unit = 2.0 ** (2 + severity)
  return jnp.floor(levels(x) / unit) * unit / 255


# Factor and addend of the saturation.
_SATURATE_IMAGENET = ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))
_CHANGE = {
  299: _SATURATE_IMAGENET,
  224: _SATURATE_IMAGENET,
  64: (*_SATURATE_IMAGENET[:4], (30, 0.2)),
  32: ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
}
_RED = np.array([1.0, 0.0, 0.0], np.float32)


@corruption
def saturate(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Saturation: the saturation of HSV is scaled and shifted.

  Hue and value are unchanged. At fixed hue and value, the difference between
  the value and a channel is proportional to the saturation. Gray pixels have
  the hue red and saturation 0, and become reddish where saturation is added;
  gray images are unchanged. See `base.corruption` for arguments and result.
  Deterministic. One of the four extra corruptions of ImageNet-C.

  Source: Hendrycks and Dietterich 2019.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> x = jax.numpy.array([1.0, 0.6, 0.6]).reshape(1, 1, 1, 3)
    >>> y = jax.jit(corruptions.saturate)(keys, x, 4)
    >>> (255 * y).round().ravel().tolist()
    [255.0, 25.0, 25.0]
  """
  del keys
  if x.shape[-1] == 1:
    return x
  factor, addend = constants.pick(constants.rows(_CHANGE, x, size), severity)
  value = x.max(axis=-1, keepdims=True)
  difference = value - x
  chroma = difference.max(axis=-1, keepdims=True)
  gray = chroma == 0
  saturation = chroma / jnp.where(value == 0, 1, value)
  expected = jnp.clip(factor * saturation + addend, 0.0, 1.0)
  # Value minus channel at full saturation, as a fraction of the value.
  shape = jnp.where(gray, 1 - _RED, difference / jnp.where(gray, 1, chroma))
  return value * (1 - expected * shape)


_FRACTION = {
  299: (0.5, 0.4, 0.3, 0.25, 0.2),
  224: (0.6, 0.5, 0.4, 0.3, 0.25),
  64: (0.9, 0.8, 0.7, 0.6, 0.5),
  32: (0.95, 0.9, 0.85, 0.75, 0.65),
}


@corruption
def pixelate(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Pixelation: downsampling to a fraction of the size, and upsampling.

  A pixel of the small image is the mean of the pixels it covers, rounded along
  rows and then along columns, like the box filter of Pillow. See
  `base.corruption` for arguments and result. Deterministic.

  Source: Hendrycks and Dietterich 2019.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> x = jax.numpy.array([0.0, 1.0]).reshape(1, 1, 2, 1)
    >>> y = jax.jit(corruptions.pixelate)(keys, x, 5)
    >>> (255 * y).round().ravel().tolist()
    [128.0, 128.0]
  """
  del keys
  fractions = constants.rows(_FRACTION, x, size)
  y = _averaged_across(levels(x), *_boxes(x.shape[2], fractions), severity)
  y = _averaged_down(y, *_boxes(x.shape[1], fractions), severity)
  return y.reshape(x.shape) / 255


# `materialize` keeps the choice of a severity, and the first of both passes,
# out of loops that XLA's CPU compiler would not vectorize with them.


def _averaged_across(
  y: Array, first: np.ndarray, end: np.ndarray, severity: int | Array
) -> Array:
  """Returns the rounded means of rows over boxes of columns.

  Boxes are short, so that the sum over a box is one over shifted rows, with
  weights of 0 and 1.

  Args:
    y: gray levels `[B, H, W, C]`.
    first: where the box of each column begins, `[5, W]`.
    end: where it ends.
    severity: number of the row of both, from 1.

  Returns:
    `[B, H, W C]`.
  """
  batch, height, width, channels = y.shape
  columns = np.arange(width)
  first, end = first[:, None], end[:, None]
  reach = int(np.maximum(columns - first, end - 1 - columns).max())
  read = columns + np.arange(-reach, reach + 1)[:, None]
  inside = np.repeat((first <= read) & (read < end), channels, axis=-1)
  weights = materialize(constants.pick(inside, severity))
  around = ((0, 0), (0, 0), (reach * channels,) * 2)
  y = jnp.pad(y.reshape(batch, height, -1), around)
  total = sum(
    weight * y[..., i * channels : (i + width) * channels]
    for i, weight in enumerate(weights)
  )
  return materialize(jnp.floor(total / weights.sum(axis=0) + 0.5))


def _averaged_down(
  y: Array, first: np.ndarray, end: np.ndarray, severity: int | Array
) -> Array:
  """Returns the rounded means of columns over boxes of rows, like y.

  They are sums of whole rows, which are fast to gather.

  Args:
    y: gray levels `[B, H, W C]`.
    first: where the box of each row begins, `[5, H]`.
    end: where it ends.
    severity: number of the row of both, from 1.
  """
  longest = int((end - first).max())
  start, size = (
    materialize(constants.pick(table, severity))
    for table in (first, end - first)
  )
  total = sum(
    jnp.take(y, start.astype(jnp.int32) + i, axis=1, mode="clip")
    * jnp.where(i < size, 1.0, 0.0)[:, None]
    for i in range(longest)
  )
  return jnp.floor(total / size[:, None] + 0.5)


def _boxes(n: int, fractions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns where the box of each pixel begins and ends, `[5, n]` each."""
  firsts, ends = [], []
  for fraction in fractions:
    small = max(int(n * fraction), 1)
    scale = n / small
    # Multiplied in the order of Pillow, since ties could round differently.
    box = np.floor((np.arange(n) + 0.5) * (small / n) - 0.5 + 0.5)
    center = (box + 0.5) * scale
    firsts.append(np.floor(np.maximum(center - scale / 2 + 0.5, 0)))
    ends.append(np.floor(np.minimum(center + scale / 2 + 0.5, n)))
  return np.stack(firsts), np.stack(ends)
