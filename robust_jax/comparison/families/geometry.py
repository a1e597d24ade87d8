"""Affine changes: position, size and orientation of objects."""

import jax.numpy as jnp
import numpy as np

from robust_jax.comparison.transformation import Family, Shapes, Transformation
from robust_jax.corruptions import affine_maps, constants
from robust_jax.corruptions.base import corruption

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
  return Family(
    "Rotated, moved, sheared, smaller or larger, each image in a random "
    "direction; pixels from outside are black.",
    [
      Transformation("rotated", _rotated, labels=degrees),
      Transformation(
        "moved",
        _moved,
        labels=[f"{fraction} % of height and width" for fraction in _SHIFTS],
      ),
      Transformation("sheared", _sheared, labels=degrees),
      Transformation(
        "smaller",
        _smaller,
        labels=[f"{fraction} % smaller" for fraction in _SMALLER],
      ),
      Transformation(
        "larger",
        _larger,
        labels=[f"{fraction} % larger" for fraction in _LARGER],
      ),
    ],
  )


@corruption
def _rotated(keys, x, level):
  angle = constants.pick(np.deg2rad(_DEGREES), level)
  angle = angle * affine_maps.signs(keys)
  cos, sin = jnp.cos(angle), jnp.sin(angle)
  rows = jnp.stack([cos, -sin], -1), jnp.stack([sin, cos], -1)
  return affine_maps.about_center(x, jnp.stack(rows, axis=-2))


@corruption
def _moved(keys, x, level):
  fraction = constants.pick(np.array(_SHIFTS) / 100, level)
  sizes = jnp.array([x.shape[2], x.shape[1]], jnp.float32)
  shift = fraction * sizes * affine_maps.signs(keys, (2,))
  return affine_maps.about_center(x, jnp.eye(2), shift)


@corruption
def _sheared(keys, x, level):
  lean = constants.pick(np.tan(np.deg2rad(_DEGREES)), level)
  lean = lean * affine_maps.signs(keys)
  matrices = jnp.eye(2) + jnp.zeros((len(x), 2, 2)).at[:, 0, 1].set(lean)
  return affine_maps.about_center(x, matrices)


@corruption
def _smaller(keys, x, level):
  del keys
  fraction = constants.pick(1 - np.array(_SMALLER) / 100, level)
  return affine_maps.about_center(x, jnp.eye(2) / fraction)


@corruption
def _larger(keys, x, level):
  del keys
  fraction = constants.pick(1 + np.array(_LARGER) / 100, level)
  return affine_maps.about_center(x, jnp.eye(2) / fraction)
