"""The windows of the Square attack: their sizes and contents.

Static arithmetic in numpy, shared by all forms of the attack.
"""

import numpy as np

from robust_jax.tree import ORDERS
from robust_jax.types import Norm

HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


def fraction(iteration: int, first: float = 0.8) -> float:
  """Fraction of the image covered by the window at `iteration`, from 1 on.

  It is halved after 10, 50, 200, 500, 1,000, 2,000, 4,000, 6,000 and 8,000
  iterations, whatever the budget.

  Source: Andriushchenko et al. 2020, "Square Attack", and its code; AutoAttack
  does not rescale it either.
  """
  return first / 2 ** sum(iteration > limit for limit in HALVED_AFTER)


def side(fraction: float, height: int, width: int, smallest: int = 1) -> int:
  """Side in pixels of the square window of that fraction, rounded half to even.

  Args:
    fraction: fraction of the image's area.
    height: height of the image.
    width: width of the image.
    smallest: lower bound of the side, if the image has room for it: 1 in Linf,
      3 in L2.
  """
  expected = max(round(float(np.sqrt(fraction * height * width))), smallest)
  return min(expected, height, width)


def bumps(size: int, norm: Norm = "l2") -> np.ndarray:
  """Two bumps of opposite sign, one above the other, `[size, size]`.

  Each is a sum of centered squares of sides 1, 3, 5, ..., cut to its half of
  the window. Their weights are 1, 1/4, 1/9, ... in the L2 attack, and the
  squares of these in the L1 attack. The result has unit norm.

  Args:
    size: side of the window.
    norm: "l2" or "l1".

  Source: Andriushchenko et al. 2020, the L2 attack; Croce and Hein 2021, L1.
  """
  upper = size // 2
  window = np.concatenate(
    [_bump(upper, size, norm), -_bump(size - upper, size, norm)]
  )
  return _unit(window, norm).astype(np.float32)


def _unit(values: np.ndarray, norm: Norm) -> np.ndarray:
  return values / np.linalg.norm(values.ravel(), ORDERS[norm])


def _bump(height: int, width: int, norm: Norm) -> np.ndarray:
  if height == 0:
    return np.zeros((0, width))
  power = {"l2": 2, "l1": 4}[norm]
  rings = 1 / np.arange(1.0, max(height // 2, width // 2) + 2) ** power
  from_ring = np.cumsum(rings[::-1])[::-1]
  row = np.abs(np.arange(height) - height // 2)
  column = np.abs(np.arange(width) - width // 2)
  bump = from_ring[np.maximum(row[:, None], column)]
  return _unit(bump, norm)
