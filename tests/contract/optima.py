"""The largest `<w, delta>` over set and box, worked out without robust_jax."""

import numpy as np

from tests.contract.members import REQUIRED


def linear_optimum(pset, x, w, scale) -> np.ndarray:
  """`[B]`, for the set of that name that `make_set(pset, scale)` makes."""
  x, w = np.float64(x), np.float64(w)
  room = np.where(w > 0, 1 - x, x)
  optimum = _OPTIMA[pset]
  return np.asarray(
    [optimum(np.abs(v), r, scale) for v, r in zip(w, room, strict=True)]
  )


def _linf(slope, room, scale):
  return np.sum(slope * np.minimum(room, scale * REQUIRED["eps"]))


def _l2(slope, room, scale):
  """The multiple of the gradient that, cut to the box, is eps long."""
  eps, low, high = scale * REQUIRED["eps"], 0.0, 1e9
  for _ in range(200):
    middle = (low + high) / 2
    shorter = np.linalg.norm(np.minimum(middle * slope, room)) <= eps
    low, high = (middle, high) if shorter else (low, middle)
  return np.sum(slope * np.minimum(low * slope, room))


def _l1(slope, room, scale):
  """Greedy: a linear program with one constraint and bounds."""
  order = np.argsort(-slope, axis=None)
  slope, room = slope.ravel()[order], room.ravel()[order]
  before = np.cumsum(room) - room
  left = np.maximum(scale * REQUIRED["eps"] - before, 0)
  return np.sum(slope * np.minimum(room, left))


def _l0(slope, room, scale):
  gain = np.sort(np.sum(slope * room, axis=-1), axis=None)
  return np.sum(gain[::-1][: round(scale * REQUIRED["k"])])


def _feature(slope, room, scale):
  return scale * REQUIRED["eps"] * np.linalg.norm(slope)


_OPTIMA = {
  "linf": _linf,
  "l2": _l2,
  "l1": _l1,
  "l0": _l0,
  "feature": _feature,
}
KNOWN = frozenset(_OPTIMA)
"""Sets whose optima are worked out here."""
