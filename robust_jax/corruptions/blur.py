"""Blur corruptions: defocus, motion, zoom and Gaussian blur."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import _motion, _zooms, constants, matrices, random
from robust_jax.corruptions._each_image import each_image
from robust_jax.corruptions.base import corruption
from robust_jax.types import Array, Key

# Radius of the disk and standard deviation of the blur of its edge.
_DISK = {
  299: ((4, 0.1), (5, 0.5), (7, 0.5), (10, 0.5), (12, 0.5)),
  224: ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
  64: ((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
  32: ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
}
# Largest radius for which the kernel is 17 x 17 and its edge blur 3 x 3.
_SMALL_RADIUS = 8


@corruption
def defocus_blur(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Defocus blur: convolution with an antialiased disk, border reflected.

  See `base.corruption` for arguments and result. Deterministic.

  Source: Hendrycks and Dietterich 2019.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.defocus_blur, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  del keys
  disks = constants.rows(_DISK, x, size)
  reach = int(max(disks[:, 0])) + 2  # no kernel extends further
  kernels = np.stack([_kernel(r, sigma, reach) for r, sigma in disks])
  return _convolved(x, constants.pick(kernels, severity))


def _kernel(radius: float, sigma: float, reach: int) -> np.ndarray:
  """Returns the disk with blurred edge, `[2 reach + 1, 2 reach + 1]`."""
  extent = _SMALL_RADIUS if radius <= _SMALL_RADIUS else int(radius)
  grid = np.arange(-extent, extent + 1)
  disk = (grid[:, None] ** 2 + grid**2 <= radius**2).astype(np.float64)
  taps = np.arange(-1, 2) if radius <= _SMALL_RADIUS else np.arange(-2, 3)
  rim = np.exp(-0.5 * (taps / sigma) ** 2)
  rim /= rim.sum()
  # The grid is reflected at its border, as the image is, so no mass is lost.
  source = np.pad(np.arange(len(grid)), len(taps) // 2, "reflect")
  blur = np.zeros((len(grid), len(grid)))
  for offset, weight in enumerate(rim):
    np.add.at(
      blur, (np.arange(len(grid)), source[offset:][: len(grid)]), weight
    )
  kernel = blur @ (disk / disk.sum()) @ blur.T
  spare = max(reach - extent, 0)
  middle = slice(max(extent - reach, 0), extent + min(reach, extent) + 1)
  return np.pad(kernel[middle, middle], spare)


def _convolved(x: Array, kernel: Array) -> Array:
  """Convolves x `[B, H, W, C]` with a kernel `[K, K]`, K odd, by the FFT.

  A disk is not separable, and direct convolution takes longer. Two channels are
  packed into the real and imaginary parts of one plane, which halves the work.
  """
  height, width = x.shape[1:3]
  reach = kernel.shape[0] // 2
  down, across = (
    np.pad(np.arange(n), reach, "reflect") for n in (height, width)
  )
  planes = x[:, down][:, :, across].transpose(0, 3, 1, 2)
  real, imaginary = planes[:, 0::2], planes[:, 1::2]
  missing = real.shape[1] - imaginary.shape[1]
  imaginary = jnp.pad(imaginary, ((0, 0), (0, missing), (0, 0), (0, 0)))
  shape = tuple(_fast_length(n + 2 * reach) for n in (height, width))
  spectrum = jnp.fft.fft2(lax.complex(real, imaginary), shape)
  blurred = jnp.fft.ifft2(spectrum * jnp.fft.fft2(kernel, shape))
  # The first 2 reach rows and columns wrap around to the far end of the image.
  blurred = blurred[:, :, 2 * reach :, 2 * reach :][:, :, :height, :width]
  parts = jnp.stack([blurred.real, blurred.imag], axis=2)
  parts = parts.reshape(x.shape[0], -1, height, width)[:, : x.shape[3]]
  return parts.transpose(0, 2, 3, 1)


def _fast_length(n: int) -> int:
  """Returns the smallest product of powers of 2, 3 and 5 that is at least n."""
  while True:
    rest = n
    for prime in (2, 3, 5):
      while rest % prime == 0:
        rest //= prime
    if rest == 1:
      return n
    n += 1


# Radius and standard deviation, in pixels.
_BLUR = {
  299: ((12, 4), (17, 6), (17, 9), (17, 13), (22, 16)),
  224: ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
  64: ((10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
  32: ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
}


@corruption
def motion_blur(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Motion blur: a one-sided Gaussian along a line at -45 to 45 degrees.

  See `base.corruption` for arguments and result.

  Source: Hendrycks and Dietterich 2019, and the motion blur of ImageMagick,
    which they use.
  Deviation: the blurred image is not rounded before the result is truncated.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.motion_blur, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  return _motion.blurred(x, *_motion_of(keys, x, severity, size))


def motion_blur_points(
  keys: Key,
  x: Array,
  severity: int | Array,
  points: Array,
  *,
  size: int | None = None,
) -> Array:
  """Returns points moved to the mean of their smear; see `base.PointMap`."""
  offsets = _motion.mean_offsets(*_motion_of(keys, x, severity, size))
  return points - offsets[:, None]


def _motion_of(keys, x, severity, size):
  """Radius, deviation, angles and largest radius of a blur."""
  table = constants.rows(_BLUR, x, size)
  radius, sigma = constants.pick(table, severity)
  return radius, sigma, draw_motion_blur(keys, x), int(table[:, 0].max())


def draw_motion_blur(keys: Key, x: Array) -> Array:
  """Draws the angles `[B]`, in degrees."""
  del x
  return random.uniform(keys, (), -45.0, 45.0)


# End and step of np.arange over zoom factors, in float64. By its rounding the
# end 1.11 is included in the first row; the other ends are excluded.
_IMAGENET = (
  (1.11, 0.01),
  (1.16, 0.01),
  (1.21, 0.02),
  (1.26, 0.02),
  (1.31, 0.03),
)
_ZOOMS_OF_SMALL_IMAGES = (
  (1.06, 0.01),
  (1.11, 0.01),
  (1.16, 0.01),
  (1.21, 0.01),
  (1.26, 0.01),
)
_ZOOMS = {
  299: _IMAGENET,
  224: _IMAGENET,
  64: _ZOOMS_OF_SMALL_IMAGES,
  32: _ZOOMS_OF_SMALL_IMAGES,
}


@corruption
def zoom_blur(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Zoom blur: mean of the image and of enlargements of its center.

  See `base.corruption` for arguments and result. Deterministic.

  Source: Hendrycks and Dietterich 2019.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.zoom_blur, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  del keys
  rows, columns, count = _zooms_of(x, severity, size)

  def one(image):
    add = lambda i, total: total + _zooms.read(image, rows[i], columns[i])
    return lax.fori_loop(0, count, add, image) / (count + 1)

  return each_image(one, x)


def zoom_blur_points(
  keys: Key,
  x: Array,
  severity: int | Array,
  points: Array,
  *,
  size: int | None = None,
) -> Array:
  """Returns points moved to the mean of their smear; see `base.PointMap`."""
  del keys
  rows, columns, count = _zooms_of(x, severity, size)
  used = jnp.arange(len(rows)) < count
  axes = []
  for axis, table in enumerate((columns, rows)):
    # Centers of pixels are whole numbers there, and halves in points.
    place = points[..., axis, None] - 0.5
    moved = _zooms.inverse(table, place)
    total = place[..., 0] + jnp.where(used, moved, 0).sum(axis=-1)
    axes.append(total / (count + 1) + 0.5)
  return jnp.stack(axes, axis=-1)


def _zooms_of(x, severity, size):
  """Source rows and columns `[zooms, n]` of each zoom, and their number."""
  zoom_sets = [
    np.arange(1, *bounds) for bounds in constants.rows(_ZOOMS, x, size)
  ]
  rows, columns = (
    constants.pick(_places(n, zoom_sets), severity) for n in x.shape[1:3]
  )
  count = jnp.array([len(zoom_set) for zoom_set in zoom_sets])[severity - 1]
  return rows, columns, count


def _places(n: int, zoom_sets: list[np.ndarray]) -> np.ndarray:
  """Returns the source coordinates `[5, zooms, n]`, padded with zeros."""
  most = max(map(len, zoom_sets))
  table = np.zeros((len(zoom_sets), most, n))
  for row, zoom_set in zip(table, zoom_sets, strict=True):
    row[: len(zoom_set)] = [_zooms.places(n, zoom) for zoom in zoom_set]
  return table


_SIGMA = {
  299: (1.5, 2.5, 3.5, 4.5, 6.5),
  224: (1, 2, 3, 4, 6),
  64: (0.5, 0.75, 1, 1.25, 1.5),
  32: (0.4, 0.6, 0.7, 0.8, 1),
}


@corruption
def gaussian_blur(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Gaussian blur, truncated at four standard deviations, border replicated.

  See `base.corruption` for arguments and result. Deterministic. One of the four
  extra corruptions of ImageNet-C.

  Source: Hendrycks and Dietterich 2019.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.gaussian_blur, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  del keys
  sigmas = constants.rows(_SIGMA, x, size)
  sigma = constants.pick(sigmas, severity)
  return matrices.gaussian_blur(x, sigma, sigmas.max())
