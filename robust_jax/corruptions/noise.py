"""Noise corruptions: Gaussian, shot, impulse and speckle noise."""

import functools

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import constants, random
from robust_jax.corruptions.base import corruption, levels
from robust_jax.types import Array, Key

_GAUSSIAN_NOISE_SIGMA = {
  299: (0.09, 0.13, 0.19, 0.27, 0.40),
  224: (0.08, 0.12, 0.18, 0.26, 0.38),
  64: (0.04, 0.08, 0.12, 0.15, 0.18),
  32: (0.04, 0.06, 0.08, 0.09, 0.10),
}


@corruption
def gaussian_noise(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Additive Gaussian noise: `x + s n` with n standard normal.

  The noise is drawn for each pixel and channel; s is given by the severity. See
  `base.corruption` for arguments and result.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network
    Robustness to Common Corruptions and Perturbations" (ImageNet-C).

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> x = jax.numpy.full((1, 32, 32, 3), 0.5)
    >>> y = jax.jit(corruptions.gaussian_noise)(keys, x, 5)  # s = 0.1
    >>> bool(0.09 < y.std() < 0.11)
    True
  """
  sigma = constants.pick(
    constants.rows(_GAUSSIAN_NOISE_SIGMA, x, size), severity
  )
  return x + sigma * draw_gaussian_noise(keys, x)


def draw_gaussian_noise(keys: Key, x: Array) -> Array:
  """Draws n, `[B, H, W, C]`."""
  return random.normal(keys, x.shape[1:])


_PHOTONS = {
  299: (50, 20, 10, 5, 3),
  224: (60, 25, 12, 5, 3),
  64: (250, 100, 50, 30, 15),
  32: (500, 250, 100, 75, 50),
}
_COLUMNS = 256  # counts per rate: 5.7 standard deviations of a mean of 500


@corruption
def shot_noise(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Shot (Poisson) noise: `k / c` with counts k of mean `c x`.

  White corresponds to c photons, given by the severity. x is quantized to 8
  bits first, as in the benchmarks: one rate per gray level allows a table
  instead of rejection sampling, which takes twenty times as long. See
  `base.corruption` for arguments and result.

  Source: Hendrycks and Dietterich 2019.
  Deviation: counts differ from their mean by 128 at most.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(corruptions.shot_noise, keys, x, 3).shape
    (2, 8, 8, 3)
  """
  photons = constants.rows(_PHOTONS, x, size)
  counts = draw_shot_noise(keys, x, tuple(photons), severity)
  return counts / constants.pick(photons, severity)


def draw_shot_noise(
  keys: Key, x: Array, photons: tuple[float, ...], severity: int | Array
) -> Array:
  """Draws counts `[B, H, W, C]` with mean `photons[severity - 1] x`.

  Walker's alias method: 8 random bits choose a column of the table, 24 bits
  choose between the column's own count and its alias.

  Args:
    keys: `[B]`, one key per image.
    x: images `[B, H, W, C]` in [0, 1].
    photons: photons of white for each severity.
    severity: whole number from 1, which may be traced.
  """
  table, first = _tables(photons)
  level = levels(x).astype(jnp.int32)
  bits = random.bits(keys, x.shape[1:])
  column = (bits & (_COLUMNS - 1)).astype(jnp.int32)
  entry = jnp.asarray(table)[severity - 1].reshape(-1)[
    level * _COLUMNS + column
  ]
  own = (bits >> 8) < (entry >> 8)
  other = (entry & (_COLUMNS - 1)).astype(jnp.int32)
  start = jnp.asarray(first)[severity - 1][level]
  return start + jnp.where(own, column, other).astype(jnp.float32)


@functools.cache
def _tables(photons: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
  """Returns alias tables `[5, 256, columns]` of the gray levels.

  An entry holds the probability of the column's own count in 24 bits and the
  column of its alias in 8. The second result is the first count of each level,
  `[5, 256]`.
  """
  from scipy import stats

  rate = np.asarray(photons)[:, None] * np.arange(256) / 255
  first = np.maximum(np.round(rate) - _COLUMNS // 2, 0)
  counts = first[..., None] + np.arange(_COLUMNS)
  mass = stats.poisson.pmf(counts, rate[..., None]).reshape(-1, _COLUMNS)
  own, alias = _alias(mass / mass.sum(1, keepdims=True))
  own = np.minimum(np.round(own * 2**24), 2**24 - 1).astype(np.uint32)
  entries = own << 8 | alias.astype(np.uint32)
  return entries.reshape(counts.shape), first.astype(np.float32)


def _alias(mass: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Builds alias tables for distributions `[N, K]`.

  The column of least mass is filled up by the one of largest mass.

  Returns:
    Own fractions and aliases of the columns, `[N, K]` each.

  Source: Walker 1977.
  """
  left = mass * mass.shape[1]
  own, alias = (
    np.ones_like(left),
    np.tile(np.arange(left.shape[1]), (len(left), 1)),
  )
  row = np.arange(len(left))
  for _ in range(left.shape[1] - 1):
    poor, rich = left.argmin(1), left.argmax(1)
    own[row, poor], alias[row, poor] = left[row, poor], rich
    left[row, rich] -= 1 - left[row, poor]
    left[row, poor] = 1.0  # full: neither poor nor rich from now on
  return own, alias


_FRACTION = {
  299: (0.04, 0.07, 0.10, 0.18, 0.28),
  224: (0.03, 0.06, 0.09, 0.17, 0.27),
  64: (0.01, 0.02, 0.05, 0.08, 0.14),
  32: (0.01, 0.02, 0.03, 0.05, 0.07),
}


@corruption
def impulse_noise(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Impulse (salt-and-pepper) noise: random values are set to 0 or 1.

  Each channel of each pixel is replaced independently, by 0 and 1 with equal
  probability; the fraction is given by the severity. See `base.corruption` for
  arguments and result.

  Source: Hendrycks and Dietterich 2019.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> x = jax.numpy.full((1, 32, 32, 3), 0.5)
    >>> y = jax.jit(corruptions.impulse_noise)(keys, x, 5)  # a fraction of 0.07
    >>> bool(0.06 < ((y == 0) | (y == 1)).mean() < 0.08)
    True
  """
  fraction = constants.pick(constants.rows(_FRACTION, x, size), severity)
  u = draw_impulse_noise(keys, x)
  pepper, salt = u < fraction / 2, u >= 1 - fraction / 2
  return jnp.where(pepper, 0.0, jnp.where(salt, 1.0, x))


def draw_impulse_noise(keys: Key, x: Array) -> Array:
  """Draws uniform `[B, H, W, C]`; the lowest become 0 and the highest 1."""
  return random.uniform(keys, x.shape[1:])


_SPECKLE_NOISE_SIGMA = {
  299: (0.16, 0.21, 0.36, 0.46, 0.61),
  224: (0.15, 0.2, 0.35, 0.45, 0.6),
  64: (0.15, 0.2, 0.25, 0.3, 0.35),
  32: (0.06, 0.1, 0.12, 0.16, 0.2),
}


@corruption
def speckle_noise(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Speckle (multiplicative) noise: `x + s x n` with n standard normal.

  The noise is drawn for each pixel and channel; s is given by the severity. See
  `base.corruption` for arguments and result. One of the four extra corruptions
  of ImageNet-C.

  Source: Hendrycks and Dietterich 2019.

  Example:
    >>> import jax
    >>> from robust_jax import corruptions
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> x = jax.numpy.full((1, 32, 32, 3), 0.5)
    >>> y = jax.jit(corruptions.speckle_noise)(keys, x, 5)  # s = 0.2
    >>> bool(0.09 < y.std() < 0.11)
    True
  """
  sigma = constants.pick(
    constants.rows(_SPECKLE_NOISE_SIGMA, x, size), severity
  )
  return x + x * sigma * draw_speckle_noise(keys, x)


def draw_speckle_noise(keys: Key, x: Array) -> Array:
  """Draws n, `[B, H, W, C]`."""
  return random.normal(keys, x.shape[1:])
