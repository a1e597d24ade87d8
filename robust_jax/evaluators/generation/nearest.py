"""Nearest neighbors among features, and the balls that they span, in chunks."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array

# Entries of a matrix of distances that are held at a time, 32 MiB.
_ENTRIES = 2**23


class Nearest(NamedTuple):
  """Distances of K neighbors, nearest first, and their rows, both `[N, K]`."""

  distances: np.ndarray
  rows: np.ndarray


class Balls(NamedTuple):
  """Examples in balls around others.

  Attributes:
    around: number of balls around `others` that each x is in `[N]`.
    inside: whether any x's own ball has each of `others` inside `[M]`.
    reached: whether the ball around each of `others` has any x inside `[M]`.
  """

  around: np.ndarray
  inside: np.ndarray
  reached: np.ndarray


def nearest(x: np.ndarray, others: np.ndarray, k: int = 1) -> Nearest:
  """Finds the k nearest of `others` `[M, D]` for each of x `[N, D]`.

  They are found in float32; their Euclidean distances are those of float64.

  Example:
    >>> import numpy as np
    >>> from robust_jax.evaluators.generation.nearest import nearest
    >>> found = nearest(np.array([[0.0], [9.0]]), np.array([[1.0], [7.0]]))
    >>> found.distances.tolist(), found.rows.tolist()
    ([[1.0], [2.0]], [[0], [1]])
  """
  distances, rows = [], []
  for part, piece, centered in _chunks(x, others):
    found = np.asarray(_rows_of_nearest(piece, centered, k))[: len(x[part])]
    own = np.asarray(x[part], np.float64)
    differences = own[:, None] - np.asarray(others[found], np.float64)
    distances.append(np.linalg.norm(differences, axis=-1))
    rows.append(found)
  return Nearest(np.concatenate(distances), np.concatenate(rows))


def in_balls(
  x: np.ndarray,
  radii: np.ndarray,
  others: np.ndarray,
  radii_of_others: np.ndarray,
) -> Balls:
  """Says which of x `[N, D]` and `others` `[M, D]` are in balls around which.

  Args:
    x: examples.
    radii: radius of the ball around each x `[N]`.
    others: other examples.
    radii_of_others: radius of the ball around each of them `[M]`.
  """
  around: list[np.ndarray] = []
  inside, reached = (np.zeros(len(others), bool) for _ in range(2))
  for part, piece, centered in _chunks(x, others):
    count = len(x[part])
    own = np.zeros(len(piece), np.float32)
    own[:count] = radii[part]
    is_real = np.arange(len(piece)) < count
    counts, in_own, has_any = _in_balls(
      piece, own, is_real, centered, np.float32(radii_of_others)
    )
    around.append(np.asarray(counts)[:count])
    inside |= np.asarray(in_own)
    reached |= np.asarray(has_any)
  return Balls(np.concatenate(around), inside, reached)


def _chunks(
  x: np.ndarray, others: np.ndarray
) -> Iterator[tuple[slice, np.ndarray, Array]]:
  """Yields parts of x, their rows padded to one length, and all others.

  Both are moved by the mean of the others, which makes differences of their
  products less inexact.
  """
  center = np.mean(others, axis=0, dtype=np.float64)
  centered = jnp.asarray(others - center, jnp.float32)
  size = min(len(x), max(1, _ENTRIES // len(others)))
  for start in range(0, len(x), size):
    part = slice(start, start + size)
    piece = np.asarray(x[part] - center, np.float32)
    yield part, np.pad(piece, ((0, size - len(piece)), (0, 0))), centered


@functools.partial(jax.jit, static_argnames="k")
def _rows_of_nearest(x: Array, others: Array, k: int) -> Array:
  return jax.lax.top_k(-_squared_distances(x, others), k)[1]


@jax.jit
def _in_balls(x, radii, is_real, others, radii_of_others):
  squared = jnp.where(is_real[:, None], _squared_distances(x, others), jnp.inf)
  in_theirs = squared <= jnp.square(radii_of_others)
  in_own = squared <= jnp.square(radii)[:, None]
  return in_theirs.sum(axis=1), in_own.any(axis=0), in_theirs.any(axis=0)


def _squared_distances(x: Array, others: Array) -> Array:
  products = jnp.matmul(x, others.T, precision=jax.lax.Precision.HIGHEST)
  own, theirs = (jnp.square(v).sum(axis=1) for v in (x, others))
  return jnp.maximum(own[:, None] + theirs - 2 * products, 0)
