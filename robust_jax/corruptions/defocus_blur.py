"""Out of focus as a lens is: every point a disk."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import constants
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

# Radius of the disk and standard deviation of the blur of its rim.
_DISK = {
  299: ((4, 0.1), (5, 0.5), (7, 0.5), (10, 0.5), (12, 0.5)),
  224: ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
  64: ((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
  32: ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
}
_SMALL = 8  # the largest radius on a grid of 17 x 17, its rim blurred by 3 x 3


@corruption
def defocus_blur(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """A convolution with a disk of soft rim; the border is a mirror.

  Arguments and result as `signature.corruption` says; nothing is random.

  Source: Hendrycks and Dietterich 2019.
  """
  del keys
  disks = constants.rows(_DISK, x, size)
  reach = int(max(disks[:, 0])) + 2  # nothing of any kernel is beyond
  kernels = np.stack([_kernel(*disk, reach) for disk in disks])
  return _convolved(x, constants.pick(kernels, severity))


def _kernel(radius: float, sigma: float, reach: int) -> np.ndarray:
  """The disk with its rim blurred, `[2 reach + 1, 2 reach + 1]`."""
  extent = _SMALL if radius <= _SMALL else int(radius)
  grid = np.arange(-extent, extent + 1)
  disk = (grid[:, None] ** 2 + grid**2 <= radius**2).astype(np.float64)
  taps = np.arange(-1, 2) if radius <= _SMALL else np.arange(-2, 3)
  rim = np.exp(-0.5 * (taps / sigma) ** 2)
  rim /= rim.sum()
  # The grid is mirrored as the image is: nothing leaves it.
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
  """x `[B, H, W, C]` with a kernel `[K, K]`, K odd, by Fourier transforms.

  A disk is no product of a row and a column, and direct sums take longer. Two
  channels are the parts of one complex plane, which halves the work.
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
  # The first 2 reach rows and columns saw the other end of the image.
  blurred = blurred[:, :, 2 * reach :, 2 * reach :][:, :, :height, :width]
  parts = jnp.stack([blurred.real, blurred.imag], axis=2)
  parts = parts.reshape(x.shape[0], -1, height, width)[:, : x.shape[3]]
  return parts.transpose(0, 2, 3, 1)


def _fast_length(n: int) -> int:
  """The next product of powers of 2, 3 and 5."""
  while True:
    rest = n
    for prime in (2, 3, 5):
      while rest % prime == 0:
        rest //= prime
    if rest == 1:
      return n
    n += 1
