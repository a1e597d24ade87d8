"""Affine changes: position, size and orientation of objects."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from robust_jax.comparison.transformation import Family, Shapes, Transformation
from robust_jax.corruptions import affine_maps, constants
from robust_jax.corruptions.base import Corruption, PointMap, corruption
from robust_jax.types import Array, Key

_DEGREES = (5, 10, 15, 20, 30)
_SHIFTS = (2, 4, 6, 9, 12)  # percent of height and width
_SMALLER = (5, 10, 20, 30, 40)  # percent
_LARGER = (5, 10, 20, 35, 50)  # percent


def geometry(shapes: Shapes) -> Family:
  """Rotation, translation, shear and scale in random directions, black outside.

  Args:
    shapes: shapes of the images.

  Example:
    >>> from robust_jax.comparison import families
    >>> [t.name for t in families.geometry([(28, 28, 1)]).transformations]
    ['rotated', 'moved', 'sheared', 'smaller', 'larger']
  """
  del shapes
  degrees = [f"{angle} degrees" for angle in _DEGREES]
  changes = {
    "rotated": (_ROTATED, degrees),
    "moved": (_MOVED, [f"{n} % of height and width" for n in _SHIFTS]),
    "sheared": (_SHEARED, degrees),
    "smaller": (_REDUCED, [f"{n} % smaller" for n in _SMALLER]),
    "larger": (_ENLARGED, [f"{n} % larger" for n in _LARGER]),
  }
  return Family(
    "Rotated, moved, sheared, smaller or larger, each image in a random "
    "direction; pixels from outside are black.",
    [
      Transformation(name, one.change, labels=labels, moves=one.moves)
      for name, (one, labels) in changes.items()
    ],
  )


class _Affine(NamedTuple):
  """A change by affine maps, of images and of points."""

  change: Corruption
  moves: PointMap


def _affine(
  maps: Callable[[Key, Array, int | Array], tuple[Array, Array | float]],
) -> _Affine:
  """The change by maps `(keys, x, level) -> (matrices, shift)`."""

  @corruption
  def change(keys, x, level):
    return affine_maps.about_center(x, *maps(keys, x, level))

  return _Affine(change, affine_maps.of_points(maps))


def _rotation(keys, x, level):
  angle = constants.pick(np.deg2rad(_DEGREES), level)
  angle = angle * affine_maps.signs(keys)
  cos, sin = jnp.cos(angle), jnp.sin(angle)
  rows = jnp.stack([cos, -sin], -1), jnp.stack([sin, cos], -1)
  return jnp.stack(rows, axis=-2), 0.0


def _translation(keys, x, level):
  fraction = constants.pick(np.array(_SHIFTS) / 100, level)
  sizes = jnp.array([x.shape[2], x.shape[1]], jnp.float32)
  return jnp.eye(2), fraction * sizes * affine_maps.signs(keys, (2,))


def _shear(keys, x, level):
  lean = constants.pick(np.tan(np.deg2rad(_DEGREES)), level)
  lean = lean * affine_maps.signs(keys)
  matrices = jnp.zeros((x.shape[0], 2, 2)).at[:, 0, 1].set(lean)
  return jnp.eye(2) + matrices, 0.0


def _reduction(keys, x, level):
  return jnp.eye(2) / constants.pick(1 - np.array(_SMALLER) / 100, level), 0.0


def _enlargement(keys, x, level):
  return jnp.eye(2) / constants.pick(1 + np.array(_LARGER) / 100, level), 0.0


_ROTATED = _affine(_rotation)
_MOVED = _affine(_translation)
_SHEARED = _affine(_shear)
_REDUCED = _affine(_reduction)
_ENLARGED = _affine(_enlargement)
