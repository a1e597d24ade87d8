"""Distances, projections and random numbers of black-box attacks, in numpy.

Images are `[B, ...]` float32; what is per example is `[B]`.
"""

from collections.abc import Sequence

import jax
import numpy as np

from robust_jax.types import Key, Norm

NORMS: Sequence[Norm] = ("linf", "l2")
"""Of those black-box attacks that have a choice."""


def generators(key: Key, num_examples: int) -> Sequence[np.random.Generator]:
  """One source of random numbers per example.

  Args:
    key: one key, split per example; or `[B]` keys, one for each, with which an
      example meets the same numbers in whatever batch it stands.
    num_examples: B.

  Raises:
    ValueError: another number of keys.
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
  """`[B]` -> `[B, 1, ...]`, to broadcast against `like`."""
  return np.reshape(values, (-1,) + (1,) * (like.ndim - 1))


def distance(x: np.ndarray, x_adv: np.ndarray, norm: Norm) -> np.ndarray:
  """Length of `x_adv - x`, `[B]` float32."""
  axes = tuple(range(1, x.ndim))
  change = np.abs(x_adv - x)
  if norm == "l2":
    return np.sqrt(np.square(change).sum(axis=axes))
  return change.max(axis=axes)


def radii(eps: float | np.ndarray, x: np.ndarray, norm: Norm) -> np.ndarray:
  """`eps` of each example, `[B]` float32; no more than the box is wide."""
  width = 1.0 if norm == "linf" else np.sqrt(x[0].size)
  return np.broadcast_to(np.minimum(eps, width).astype(np.float32), len(x))


def toward(
  x: np.ndarray, x_adv: np.ndarray, fraction: np.ndarray, norm: Norm
) -> np.ndarray:
  """The point of `x_adv`'s side at a `fraction [B]` in [0, 1] of its distance.

  In L2 it lies on the segment from x; in Linf it is the projection of `x_adv`
  onto the ball of that radius, which moves the fewest coordinates.

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
  """Into the ball of radius `eps [B]` around x, then into the box."""
  eps = column(eps, x).astype(np.float32)
  if norm == "linf":
    return np.clip(np.clip(x_adv, x - eps, x + eps), 0, 1)
  length = column(distance(x, x_adv, norm), x)
  shrink = np.minimum(eps / np.maximum(length, 1e-30), 1)
  return np.clip(x + shrink * (x_adv - x), 0, 1)
