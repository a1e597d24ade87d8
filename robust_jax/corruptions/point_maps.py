"""Corruptions that move pixels, and where they take the points of an image."""

import functools
from collections.abc import Mapping
from typing import Any

from robust_jax.corruptions.base import PointMap
from robust_jax.corruptions.blur import motion_blur_points, zoom_blur_points
from robust_jax.corruptions.elastic_transform import elastic_transform_points
from robust_jax.corruptions.geometry import (
  rotate_points,
  scale_points,
  shear_points,
  translate_points,
)

_MAPS: Mapping[str, PointMap] = {
  "elastic_transform": elastic_transform_points,
  "motion_blur": motion_blur_points,
  "rotate": rotate_points,
  "scale": scale_points,
  "shear": shear_points,
  "translate": translate_points,
  "zoom_blur": zoom_blur_points,
}


def point_map(name: str, **options: Any) -> PointMap | None:
  """Returns where a corruption takes points; None if it leaves them.

  Blurs that smear a point move it to the mean of its smear: the taps of
  `motion_blur` lie on one side of a pixel, and `zoom_blur` only enlarges.

  Args:
    name: a member of `robust_jax.corruptions`.
    **options: those of the corruption.

  Example:
    >>> import jax
    >>> from robust_jax.corruptions.point_maps import point_map
    >>> keys = jax.random.split(jax.random.key(0), 1)
    >>> x = jax.numpy.zeros((1, 20, 20, 1))
    >>> corner = jax.numpy.zeros((1, 1, 2))
    >>> point_map("scale")(keys, x, 5, corner).tolist()  # half the size
    [[[5.0, 5.0]]]
    >>> point_map("fog") is None
    True
  """
  found = _MAPS.get(name)
  return functools.partial(found, **options) if found and options else found
