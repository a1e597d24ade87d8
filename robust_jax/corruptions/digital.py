"""Digital corruptions: contrast, quantization, saturation, pixelation."""

import jax.numpy as jnp
import numpy as np
from jax import lax

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
  channels, fractions = x.shape[-1], constants.rows(_FRACTION, x, size)
  across, down = (_boxes(n, fractions) for n in (x.shape[2], x.shape[1]))
  across = np.repeat(across, channels, axis=-1)
  # With channels next to columns the inner loop is a whole row.
  y = levels(x).reshape(*x.shape[:2], -1)
  y = _averaged(y, constants.pick(across, severity), axis=2, step=channels)
  y = _averaged(y, constants.pick(down, severity), axis=1)
  return y.reshape(x.shape) / 255


def _averaged(y: Array, boxes: Array, axis: int, step: int = 1) -> Array:
  """Returns the rounded mean over the box of each gray level along an axis.

  Boxes are short, so that shifted copies of y are summed.

  Args:
    y: gray levels `[B, H, W C]`.
    boxes: `[T, n]`, by `_boxes`, of the n = H or W C places along the axis.
    axis: 1 or 2.
    step: distance of two pixels along the axis.
  """
  reach, n = len(boxes) // 2 * step, y.shape[axis]
  around = [(reach * (i == axis),) * 2 for i in range(3)]
  # A choice of severity or a first pass within the loop would prevent its
  # vectorization.
  padded, boxes = materialize(jnp.pad(y, around)), materialize(boxes)
  boxes = jnp.expand_dims(boxes, 3 - axis)
  total = sum(
    lax.slice_in_dim(padded, t * step, t * step + n, axis=axis) * box
    for t, box in enumerate(boxes)
  )
  return jnp.floor(total / boxes.sum(axis=0) + 0.5)


def _boxes(n: int, fractions: np.ndarray) -> np.ndarray:
  """Returns what the box of each of n pixels holds, `[5, T, n]` of 0 and 1.

  Entry (s, t, i) is 1 if pixel `i + t - T // 2` is in the box of pixel i.
  """
  firsts, ends = [], []
  for fraction in fractions:
    small = max(int(n * fraction), 1)
    scale = n / small
    # Multiplied in the order of Pillow, since ties could round differently.
    box = np.floor((np.arange(n) + 0.5) * (small / n) - 0.5 + 0.5)
    center = (box + 0.5) * scale
    firsts.append(np.floor(np.maximum(center - scale / 2 + 0.5, 0)))
    ends.append(np.floor(np.minimum(center + scale / 2 + 0.5, n)))
  first, end = np.stack(firsts)[:, None], np.stack(ends)[:, None]
  places = np.arange(n)
  reach = int(np.maximum(places - first, end - 1 - places).max())
  held = places + np.arange(-reach, reach + 1)[:, None]
  return ((first <= held) & (held < end)).astype(np.float32)
