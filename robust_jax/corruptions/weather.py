"""Weather corruptions: snow, frost, fog and brightness."""

import functools

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import (
  _motion,
  _plasma,
  _zooms,
  constants,
  frost_pictures,
  random,
)
from robust_jax.corruptions._each_image import each_image
from robust_jax.corruptions.base import corruption, eight_bits
from robust_jax.corruptions.frost_pictures import Pictures
from robust_jax.types import Array, Key

# Mean and standard deviation of the noise from which flakes are made, their
# zoom and threshold, radius and standard deviation of their motion blur,
# fraction of the image's colors.
_SNOW_IMAGENET = (
  (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
  (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
  (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
  (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
  (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
_FLAKES = {
  299: _SNOW_IMAGENET,
  224: _SNOW_IMAGENET,
  64: (
    (0.1, 0.2, 1, 0.6, 8, 3, 0.8),
    (0.1, 0.2, 1, 0.5, 10, 4, 0.8),
    (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
    (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65),
    (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
  ),
  32: (
    (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
    (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
    (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
    (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
    (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
  ),
}
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601


@corruption
def snow(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Snow: colors turn pale and flakes are added twice, the second time rotated.

  Flakes are the peaks of enlarged noise, blurred along a line at -135 to -45
  degrees. See `base.corruption` for arguments and result.

  Source: Hendrycks and Dietterich 2019, and the motion blur of ImageMagick,
    which they use.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.snow, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  table = constants.rows(_FLAKES, x, size)
  fallen = flakes(*draw_snow(keys, x), table, severity)
  return add_snow(x, fallen, constants.pick(table[:, 6], severity))


def add_snow(x: Array, fallen: Array, colors: Array | float) -> Array:
  """Keeps a fraction `colors` of the colors and adds flakes `[B, H, W, 1]`."""
  gray = x if x.shape[-1] == 1 else (x * _LUMA).sum(-1, keepdims=True)
  pale = jnp.maximum(x, 1.5 * gray + 0.5)
  x = colors * x + (1 - colors) * pale
  return x + fallen + fallen[:, ::-1, ::-1]


def draw_snow(keys: Key, x: Array) -> tuple[Array, Array]:
  """Draws standard normal noise `[B, H, W]` and angles `[B]` in degrees."""
  noise = random.normal(keys, x.shape[1:3])
  return noise, random.uniform(keys, (), -135.0, -45.0, stream=1)


def flakes(
  noise: Array, angles: Array, table: np.ndarray, severity: int | Array
) -> Array:
  """Returns flakes `[B, H, W, 1]`, rounded to 8 bits before and after the blur.

  Args:
    noise: standard normal noise, `[B, H, W]`.
    angles: angles of the blur, `[B]` in degrees.
    table: constants with rows like those of `_FLAKES`.
    severity: number of the row, from 1.
  """
  pick = functools.partial(constants.pick, severity=severity)
  mean, deviation, _, threshold, radius, sigma, _ = pick(table)
  rows, columns = (
    pick(np.stack([_zooms.places(n, zoom) for zoom in table[:, 2]]))
    for n in noise.shape[1:3]
  )
  noise = (mean + deviation * noise)[..., None]
  noise = each_image(lambda one: _zooms.read(one, rows, columns), noise)
  peaks = eight_bits(jnp.where(noise < threshold, 0.0, noise))
  reach = int(table[:, 4].max())
  return (
    jnp.round(_motion.blurred(peaks, radius, sigma, angles, reach) * 255) / 255
  )


# Weights of the image and of the frost.
_FROST_IMAGENET = ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))
_WEIGHTS = {
  299: _FROST_IMAGENET,
  224: _FROST_IMAGENET,
  64: ((1, 0.3), (0.9, 0.4), (0.8, 0.45), (0.75, 0.5), (0.7, 0.55)),
  32: ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
}


@corruption
def frost(
  keys: Key,
  x: Array,
  severity: int | Array,
  *,
  size: int | None = None,
  pictures: Pictures | None = None,
) -> Array:
  """Frost: a weighted sum of the image and a random crop of a picture of frost.

  Args:
    keys: `[B]`, one key per image; see `base.corruption`.
    x: images `[B, H, W, C]`.
    severity: whole number from 1 to 5.
    size: image size whose constants are used; by default the nearest.
    pictures: pictures of frost, no smaller than the images. By default five
      *synthetic* ones, not photographs. `frost_pictures.load_photographs` reads
      those of ImageNet-C, or others, from a directory: only with them are
      results comparable with the benchmark.

  Raises:
    ValueError: the pictures are smaller than the images.

  Source: Hendrycks and Dietterich 2019.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.frost, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  if pictures is None:
    pictures = frost_pictures.synthetic(*x.shape[1:3])
  image, cover = constants.pick(constants.rows(_WEIGHTS, x, size), severity)
  return image * x + cover * _crops(x, pictures, draw_frost(keys, x))


def draw_frost(keys: Key, x: Array) -> Array:
  """Draws uniform numbers in [0, 1), `[B, 3]`: the picture and the crop."""
  del x
  return random.uniform(keys, (3,))


def _crops(x: Array, pictures: Pictures, where: Array) -> Array:
  """Returns random crops of the pictures, `[B, H, W, C]` in [0, 1]."""
  height, width, channels = x.shape[1:]
  if min(pictures.heights) < height or min(pictures.widths) < width:
    raise ValueError(
      f"pictures of frost of {min(pictures.heights)} x {min(pictures.widths)} "
      f"pixels for images of {height} x {width}: expected larger ones."
    )
  pixels = jnp.asarray(pictures.pixels)
  sizes = jnp.array([pictures.heights, pictures.widths]).T

  def one(place):
    which = (place[0] * len(sizes)).astype(jnp.int32)
    room = sizes[which] - jnp.array([height, width]) + 1
    first = (place[1:] * room).astype(jnp.int32)
    start = (which, first[0], first[1], 0)
    cut = lax.dynamic_slice(pixels, start, (1, height, width, 3))
    return cut[0].astype(jnp.float32) / 255

  frost = each_image(one, where)
  return frost if channels == 3 else frost.mean(-1, keepdims=True)


# Thickness, and decay of the amplitude of finer scales.
_CLOUD = {
  299: ((1.5, 2), (2, 2), (2.5, 1.8), (2.5, 1.6), (3, 1.5)),
  224: ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
  64: ((0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
  32: ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
}


@corruption
def fog(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Fog: a cloud is added, and the image dimmed so that white stays white.

  `x' = (x + c cloud) m / (m + c)`, with m the largest value of the image and c
  given by the severity. The cloud is the corner of a square whose side is a
  power of two and at least the size whose constants are used. See
  `base.corruption` for arguments and result.

  Source: Hendrycks and Dietterich 2019.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.fog, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  thickness, decay = constants.pick(constants.rows(_CLOUD, x, size), severity)
  cloud = _plasma.cloud(draw_fog(keys, x, size), decay)
  cloud = cloud[:, : x.shape[1], : x.shape[2], None]
  brightest = x.max(axis=(1, 2, 3), keepdims=True)
  return (x + thickness * cloud) * brightest / (brightest + thickness)


def draw_fog(keys: Key, x: Array, size: int | None) -> tuple[Array, ...]:
  """Draws the noise of `_plasma.cloud`."""
  side = max(*x.shape[1:3], 2, size or 0)
  return _plasma.draw(keys, 1 << (side - 1).bit_length())


_BRIGHTNESS_IMAGENET = (0.1, 0.2, 0.3, 0.4, 0.5)
_ADDEND = {
  299: _BRIGHTNESS_IMAGENET,
  224: _BRIGHTNESS_IMAGENET,
  64: _BRIGHTNESS_IMAGENET,
  32: (0.05, 0.1, 0.15, 0.2, 0.3),
}


@corruption
def brightness(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Brightness: a constant is added to the value of HSV.

  Hue and saturation are unchanged. At fixed hue and saturation a color is
  proportional to its value, the largest of its channels, so no angle is
  computed. See `base.corruption` for arguments and result. Deterministic.

  Source: Hendrycks and Dietterich 2019.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> x = jax.numpy.array([0.5, 0.25, 0.25]).reshape(1, 1, 1, 3)
    >>> y = jax.jit(corruptions.brightness)(keys, x, 5)  # adds 0.3
    >>> (255 * y).round().ravel().tolist()
    [204.0, 102.0, 102.0]
  """
  del keys
  more = constants.pick(constants.rows(_ADDEND, x, size), severity)
  return brighten(x, more)


def brighten(x: Array, more: Array) -> Array:
  """Adds a scalar to the HSV values of x; they stay in [0, 1]."""
  value = x.max(axis=-1, keepdims=True)
  brighter = jnp.clip(value + more, 0.0, 1.0)
  black = value == 0
  return jnp.where(black, brighter, x * brighter / jnp.where(black, 1, value))
