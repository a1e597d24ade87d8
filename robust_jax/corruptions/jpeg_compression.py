"""JPEG compression."""

import io
import math
import operator

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import constants
from robust_jax.corruptions.base import corruption, levels
from robust_jax.types import Array, Key
from robust_jax.xla_cpu.materialize import materialize

_QUALITY = {
  299: (23, 16, 13, 8, 5),
  224: (25, 18, 15, 10, 7),
  64: (65, 58, 50, 40, 25),
  32: (80, 65, 58, 50, 40),
}
# Quantization at quality 50: ITU-T T.81, Annex K.
_LUMA = np.array(
  [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
  ]
)
_CHROMA = np.full((8, 8), 99)
_CHROMA[:4, :4] = [
  [17, 18, 24, 47],
  [18, 21, 26, 66],
  [24, 26, 56, 99],
  [47, 66, 99, 99],
]
# In units of 1/65536, as in libjpeg: all sums are whole numbers below 2^24 and
# hence exact in float32.
_TO_YCC = np.array(
  [
    [19595, 38470, 7471],
    [-11059, -21709, 32768],
    [32768, -27439, -5329],
  ],
  np.float32,
)
_HALF = np.array([32768, 32767, 32767], np.float32)
# Coefficients of the chroma planes in red, green and blue, times 65536.
_BLUE = np.array([0, -22554, 116130], np.float32)
_RED = np.array([91881, -46802, 0], np.float32)
_frequency, _place = np.indices((8, 8))
_DCT = np.cos(np.pi * _frequency * (2 * _place + 1) / 16) * np.sqrt(2)
_DCT[0] = 1
# Cosines, each row of norm sqrt(8), in units of 1/8192 as in libjpeg.
_DCT = (np.round(8192 * _DCT) / 8192).astype(np.float32)


@corruption
def jpeg_compression(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """JPEG compression with the standard tables and 4:2:0 chroma subsampling.

  Follows the integer arithmetic of libjpeg: color conversion, means of four
  pixels with alternating rounding, a cosine transform that is rounded after
  each of its passes, and the triangle filter for chroma upsampling. A few
  coefficients still round differently: on a photograph of 224 pixels more than
  99 % of all values equal those of Pillow. `on_host` equals Pillow everywhere.
  See `base.corruption` for arguments and result. Deterministic.

  Source: Hendrycks and Dietterich 2019; ITU-T T.81.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.jpeg_compression, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  del keys
  quality = constants.rows(_QUALITY, x, size)
  luma, chroma = (
    constants.pick(np.stack([_steps(t, q) for q in quality]), severity)
    for t in (_LUMA, _CHROMA)
  )
  return _compressed(x, luma, chroma)


def compress(x: Array, quality: int) -> Array:
  """x `[B, H, W, C]` in [0, 1], C 1 or 3, as JPEG of a quality from 1 to 100.

  The same as `jpeg_compression`, which chooses the quality by a severity.
  """
  luma, chroma = (
    jnp.asarray(_steps(table, quality)) for table in (_LUMA, _CHROMA)
  )
  return jnp.clip(_compressed(x, luma, chroma), 0, 1)


def _compressed(x: Array, luma: Array, chroma: Array) -> Array:
  height, width = x.shape[1:3]
  # libjpeg halves the chroma of images whose width is padded to 16, and whose
  # height is even; the height is padded to 8 later.
  y = _padded(levels(x), 16)
  channels = [y[..., i] for i in range(x.shape[-1])]
  if len(channels) == 1:
    return _coded(channels[0], luma)[:, :height, :width, None] / 255
  y, *chromas = (
    jnp.floor((_weighted_sum(weights, channels) + half) / 65536)
    for weights, half in zip(_TO_YCC, _HALF, strict=True)
  )
  even, half_width = height + height % 2, (width + 1) // 2
  halved = (_halved(plane[:, :even] + 128) for plane in chromas)
  doubled = (_doubled(_coded(z, chroma)[..., :half_width]) for z in halved)
  y, blue, red = (
    plane[:, :height, :width, None] for plane in (_coded(y, luma), *doubled)
  )
  change = _shifted((blue - 128) * _BLUE + (red - 128) * _RED)
  return (y + change) / 255


def on_host(x: np.ndarray, quality: int) -> np.ndarray:
  """JPEG compression by Pillow, on the host.

  Quality 85 is that of the stored files of ImageNet-C.

  Args:
    x: images `[B, H, W, C]` in [0, 1].
    quality: JPEG quality from 1 to 100.

  Returns:
    A new array of the shape and dtype of x.

  Example:
    >>> import numpy as np
    >>> from robust_jax.corruptions.jpeg_compression import on_host
    >>> x = np.full((1, 8, 8, 3), 0.2)
    >>> bool(np.allclose(on_host(x, quality=85), x))
    True
  """
  from PIL import Image

  stored = np.empty(x.shape, np.uint8)
  for i, image in enumerate(np.asarray(levels(x)).astype(np.uint8)):
    file = io.BytesIO()
    image = image[..., 0] if image.shape[-1] == 1 else image
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    stored[i] = np.asarray(Image.open(file)).reshape(x.shape[1:])
  return (stored / 255).astype(x.dtype)


def _steps(table: np.ndarray, quality: float) -> np.ndarray:
  """Returns the quantization steps of libjpeg at a quality from 1 to 100."""
  percent = 5000 // quality if quality < 50 else 200 - 2 * quality
  return np.clip((table * percent + 50) // 100, 1, 255)


# Below, `materialize` spares XLA's CPU compiler loops that compute a step anew
# for each of its uses, and loops that it does not vectorize: those that choose
# a severity inside, and those over the few elements of a reshape's last axis.


def _coded(y: Array, steps: Array) -> Array:
  """Quantizes planes `[N, H, W]` of gray levels block by block."""
  height, width = y.shape[1:]
  y = _padded(y) - 128
  step = materialize(jnp.tile(steps, (1, y.shape[2] // 8)))
  z = y.reshape(len(y), y.shape[1] // 8, 8, y.shape[2])
  z = materialize(_round(_across(4 * _DCT, z)))
  z = _round(_down(_DCT / 4, z))
  number = jnp.floor((jnp.abs(z) + 4 * step) / (8 * step))
  z = materialize(number * jnp.where(z < 0, -step, step))
  z = _round(_down(4 * _DCT.T, z))
  z = _round(_across(_DCT.T / 32, z))
  return jnp.clip(z.reshape(y.shape)[:, :height, :width] + 128, 0, 255)


def _padded(y: Array, width_multiple: int = 8) -> Array:
  """Pads y `[N, H, W, ...]` to whole blocks by replicating its edges."""
  height, width = -y.shape[1] % 8, -y.shape[2] % width_multiple
  if height == width == 0:
    return y
  around = ((0, 0), (0, height), (0, width), *((0, 0),) * (y.ndim - 3))
  return materialize(jnp.pad(y, around, "edge"))


def _across(matrix: np.ndarray, z: Array) -> Array:
  """Multiplies a matrix by each row of the blocks of z `[N, H / 8, 8, W]`."""
  # Up to four rows at once: loops over 8 elements are not vectorized.
  count = math.gcd(4, z.shape[3] // 8)
  matrix = np.kron(np.eye(count, dtype=np.float32), matrix.T)
  product = jnp.matmul(z.reshape(-1, len(matrix)), matrix, precision="highest")
  return product.reshape(z.shape)


def _down(matrix: np.ndarray, z: Array) -> Array:
  """Multiplies a matrix by each column of the blocks of z, as `_across`."""
  # A sum of rows of whole images needs no change of layout.
  return _weighted_sum(matrix.T[:, :, None], jnp.split(z, 8, axis=2))


def _weighted_sum(weights: np.ndarray, terms: list[Array]) -> Array:
  return sum(map(operator.mul, weights, terms), start=jnp.zeros(()))


def _halved(y: Array) -> Array:
  """Returns means of 2 x 2 pixels; ties round down and up alternately."""
  rows = materialize(y[:, 0::2] + y[:, 1::2])
  bias = 1 + np.arange(rows.shape[2] // 2) % 2
  return jnp.floor((rows[:, :, 0::2] + rows[:, :, 1::2] + bias) / 4)


def _doubled(y: Array) -> Array:
  """Upsamples by 2; nearer pixels weigh three times as much as farther ones."""
  count, height, width = y.shape
  near = np.repeat(np.arange(height), 2)
  far = np.clip(near + np.tile([-1, 1], height), 0, height - 1)
  rows = materialize(3 * y[:, near] + y[:, far])
  rows = jnp.pad(rows, ((0, 0), (0, 0), (1, 1)), "edge")
  left = jnp.floor((rows[:, :, :-2] + 3 * rows[:, :, 1:-1] + 8) / 16)
  right = jnp.floor((rows[:, :, 2:] + 3 * rows[:, :, 1:-1] + 7) / 16)
  columns = jnp.stack([left, right], axis=3)
  return materialize(columns.reshape(count, 2 * height, 2 * width))


def _round(z: Array) -> Array:
  # Ties are frequent, round up, and may have come out slightly too low.
  return jnp.floor(z + 0.5005)


def _shifted(z: Array) -> Array:
  return jnp.floor((z + 32768) / 65536)
