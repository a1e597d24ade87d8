"""Distances, projections and random numbers for black-box attacks, in numpy.

Images are `[B, ...]` float32; values per example are `[B]`.
"""

from collections.abc import Sequence

import jax
import numpy as np

from robust_jax.types import Key, Norm

NORMS: Sequence[Norm] = ("linf", "l2")
"""Of those black-box attacks that have a choice."""


def generators(key: Key, num_examples: int) -> Sequence[np.random.Generator]:
  """Makes a random number generator for each example.

  Args:
    key: one key, which is split, or `[B]` keys, one per example, with which an
      example draws the same numbers in any batch.
    num_examples: B.

  Raises:
    ValueError: the number of keys is not 1 or B.
  """
  keys = key if key.ndim else jax.random.split(key, num_examples)
  if keys.shape != (num_examples,):
    raise ValueError(
      f"keys of shape {keys.shape}: expected one key or [{num_examples}]."
    )
  return [
    np.random.default_rng(k) for k in np.asarray(jax.random.key_data(keys))
  ]


def column(values: np.ndarray, like: np.ndarray) -> np.ndarray:
  """Reshapes `[B]` to `[B, 1, ...]`, to broadcast against `like`."""
  return np.reshape(values, (-1,) + (1,) * (like.ndim - 1))


def distance(x: np.ndarray, x_adv: np.ndarray, norm: Norm) -> np.ndarray:
  """Norm of `x_adv - x`, `[B]` float32."""
  axes = tuple(range(1, x.ndim))
  change = np.abs(x_adv - x)
  if norm == "l2":
    return np.sqrt(np.square(change).sum(axis=axes))
  return change.max(axis=axes)


def radii(eps: float | np.ndarray, x: np.ndarray, norm: Norm) -> np.ndarray:
  """`eps` of each example, `[B]` float32; at most the width of the box."""
  width = 1.0 if norm == "linf" else np.sqrt(x[0].size)
  return np.broadcast_to(np.minimum(eps, width).astype(np.float32), len(x))


def interpolate(
  x: np.ndarray, x_adv: np.ndarray, fraction: np.ndarray, norm: Norm
) -> np.ndarray:
  """The point at a `fraction [B]` of the distance from x to `x_adv`.

  In L2 it lies on the segment between them. In Linf it is the projection of
  `x_adv` onto the ball of that radius, which changes the fewest coordinates.

  Source: Chen et al. 2020, "HopSkipJumpAttack", its two projections.
  """
  fraction = column(fraction, x).astype(np.float32)
  if norm == "l2":
    return x + fraction * (x_adv - x)
  radius = fraction * column(distance(x, x_adv, norm), x)
  return np.clip(x_adv, x - radius, x + radius)


def project(
  x: np.ndarray, x_adv: np.ndarray, eps: np.ndarray, norm: Norm
) -> np.ndarray:
  """Projects onto the ball of radius `eps [B]` around x, then onto the box."""
  eps = column(eps, x).astype(np.float32)
  if norm == "linf":
    return np.clip(np.clip(x_adv, x - eps, x + eps), 0, 1)
  length = column(distance(x, x_adv, norm), x)
  shrink = np.minimum(eps / np.maximum(length, 1e-30), 1)
  return np.clip(x + shrink * (x_adv - x), 0, 1)
