"""Digital corruptions: contrast, saturation, elastic distortion, pixelation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates

from robust_jax.corruptions import constants, matrices, random
from robust_jax.corruptions.base import corruption, levels
from robust_jax.types import Array, Key

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


# Amplitude and smoothness of the displacement and jitter of three points, in
# units of the image size, for which the published code uses 360 and 244.
_ELASTIC_TRANSFORM_IMAGENET = (
  (2, 0.7, 0.1),
  (2, 0.08, 0.2),
  (0.05, 0.01, 0.02),
  (0.07, 0.01, 0.02),
  (0.12, 0.01, 0.02),
)
_ELASTIC = {
  299: np.multiply(_ELASTIC_TRANSFORM_IMAGENET, 360 / 299),
  224: np.multiply(_ELASTIC_TRANSFORM_IMAGENET, 244 / 224),
  64: (
    (0, 0, 0.08),
    (0.05, 0.3, 0.06),
    (0.1, 0.08, 0.06),
    (0.1, 0.03, 0.03),
    (0.16, 0.03, 0.02),
  ),
  32: (
    (0, 0, 0.08),
    (0.05, 0.2, 0.07),
    (0.08, 0.06, 0.06),
    (0.1, 0.04, 0.05),
    (0.1, 0.03, 0.03),
  ),
}


@corruption
def elastic_transform(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Elastic distortion: a random affine map, then a smooth random displacement.

  Both are bilinear. The affine map moves three points around the center by up
  to a jitter in each direction, with the border reflected; the displacement is
  uniform noise, blurred and scaled. All three constants are proportional to the
  shorter side of the image. See `base.corruption` for arguments and result.

  Source: Hendrycks and Dietterich 2019, after Simard et al. 2003.
  Deviation: coordinates of the affine map are not rounded to 1/32 pixel, as
    OpenCV does.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.elastic_transform, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  table = constants.rows(_ELASTIC, x, size) * min(x.shape[1:3])
  strength, sigma, jitter = constants.pick(table, severity)
  moved, noise = draw_elastic_transform(keys, x)
  x = _read(x, *_affine_places(x, jitter * moved), "mirror")
  field = strength * matrices.gaussian_blur(
    noise, sigma, table[:, 1].max(), truncate=3.0, border="symmetric"
  )
  rows, columns = np.indices(x.shape[1:3])
  return _read(x, rows + field[..., 1], columns + field[..., 0], "reflect")


def draw_elastic_transform(keys: Key, x: Array) -> tuple[Array, Array]:
  """Draws uniform numbers in [-1, 1) for the points and for the field.

  Returns:
    Moves of the points `[B, 3, 2]` and displacements `[B, H, W, 2]`. The last
    axis is (right, down).
  """
  points = random.uniform(keys, (3, 2), -1.0, 1.0)
  return points, random.uniform(keys, (*x.shape[1:3], 2), -1.0, 1.0, stream=1)


def _affine_places(x: Array, moved: Array) -> tuple[Array, Array]:
  """Returns the rows and columns `[B, H, W]` that each pixel is read from."""
  height, width = x.shape[1:3]
  center = np.array([width // 2, height // 2], np.float32)
  side = max(min(height, width) // 3, 1)
  points = center + side * np.array([[1, 1], [1, -1], [-1, -1]], np.float32)
  now = points + moved
  # Edges of the triangle as columns, so that before = linear @ after.
  before = np.stack([points[0] - points[1], points[2] - points[1]], axis=1)
  after = jnp.stack([now[:, 0] - now[:, 1], now[:, 2] - now[:, 1]], axis=2)
  (a, b), (c, d) = jnp.moveaxis(after, 0, 2)
  inverse = jnp.stack([jnp.stack([d, -b], -1), jnp.stack([-c, a], -1)], -2)
  linear = before @ (inverse / (a * d - b * c)[:, None, None])
  rows, columns = np.indices((height, width), np.float32)
  from_corner = jnp.stack([columns, rows]) - now[:, 1, :, None, None]
  places = jnp.einsum(
    "bij,bjhw->bihw", linear, from_corner, precision="highest"
  )
  return places[:, 1] + points[1, 1], places[:, 0] + points[1, 0]


def _read(x: Array, rows: Array, columns: Array, mode: str) -> Array:
  of_plane = lambda plane, r, c: map_coordinates(plane, [r, c], 1, mode)
  of_image = jax.vmap(of_plane, in_axes=(-1, None, None), out_axes=-1)
  return jax.vmap(of_image)(x, rows, columns)


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
  pick = functools.partial(constants.pick, severity=severity)
  left, right = map(pick, _boxes(x.shape[2], fractions))
  top, bottom = map(pick, _boxes(x.shape[1], fractions))
  y = _averaged(levels(x), left, right, axis=2)
  return _averaged(y, top, bottom, axis=1) / 255


def _averaged(y: Array, first: Array, end: Array, axis: int) -> Array:
  """Returns the rounded means of y from `first` to `end` along an axis."""
  # Sums of gray levels and their differences are exact in float32.
  shape = [n if i == axis else 1 for i, n in enumerate(y.shape)]
  total = jnp.pad(jnp.cumsum(y, axis), [(int(i == axis), 0) for i in range(4)])
  at = lambda place: jnp.take(total, place.astype(jnp.int32), axis, mode="clip")
  count = (end - first).reshape(shape)
  return jnp.floor((at(end) - at(first)) / count + 0.5)


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
