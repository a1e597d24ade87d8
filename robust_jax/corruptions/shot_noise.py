"""Noise of counted photons: Poisson."""

import functools

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import constants, draws
from robust_jax.corruptions.signature import corruption, levels
from robust_jax.types import Array, Key

_PHOTONS = {
  299: (50, 20, 10, 5, 3),
  224: (60, 25, 12, 5, 3),
  64: (250, 100, 50, 30, 15),
  32: (500, 250, 100, 75, 50),
}
_COLUMNS = 256  # counts that are told apart at one rate: 5.7 deviations of 500


@corruption
def shot_noise(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Counts over c, Poisson of mean c x; white is c photons, c by severity.

  Arguments and result as `signature.corruption` says. x is read as 8-bit, as
  the benchmarks read it: a rate per grey level allows a table instead of a
  rejection loop, which takes twenty times as long.

  Source: Hendrycks and Dietterich 2019. Deviation: no count is further from
  its mean than 128.
  """
  photons = constants.rows(_PHOTONS, x, size)
  counts = draw(keys, x, tuple(photons), severity)
  return counts / constants.pick(photons, severity)


def draw(
  keys: Key, x: Array, photons: tuple[float, ...], severity: int | Array
) -> Array:
  """Counts `[B, H, W, C]`, Poisson of mean photons[severity - 1] x.

  Walker's alias method: 8 random bits choose a column of the table, 24 between
  the column's own count and its alias.
  """
  table, first = _tables(photons)
  level = levels(x).astype(jnp.int32)
  random = draws.bits(keys, x.shape[1:])
  column = (random & (_COLUMNS - 1)).astype(jnp.int32)
  entry = jnp.asarray(table)[severity - 1].reshape(-1)[
    level * _COLUMNS + column
  ]
  own = (random >> 8) < (entry >> 8)
  other = (entry & (_COLUMNS - 1)).astype(jnp.int32)
  start = jnp.asarray(first)[severity - 1][level]
  return start + jnp.where(own, column, other).astype(jnp.float32)


@functools.cache
def _tables(photons: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
  """Alias tables `[5, 256, columns]` of the levels, and their first counts.

  An entry is the probability of the column's own count, in 24 bits, and the
  column of its alias, in 8.
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
  """Of distributions `[N, K]`: own shares and aliases of the columns, `[N, K]`.

  Source: Walker 1977; the poorest column is filled up by the richest.
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
    left[row, poor] = 1.0  # full, and neither poor nor rich any more
  return own, alias
