"""Affine transforms: rotation, translation, scaling and shear per example."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks
from robust_jax.perturbations import _grid as lattice
from robust_jax.perturbations import bilinear
from robust_jax.types import Array, Grid, Key, PerturbationSet


class Transform(NamedTuple):
  """Parameters of an affine transform about the image's center, 0 for the
  identity.

  They are applied in the order shear, scale, rotation, translation.

  Attributes:
    rotation: `[B]`, in degrees, counter-clockwise.
    translation: `[B, 2]`, in pixels down and to the right.
    scale: `[B]`, relative growth: 0.1 makes the image 1.1 times as large.
    shear: `[B]`, the angle in degrees by which the vertical leans, its lower
      end to the right.
  """

  rotation: Array
  translation: Array
  scale: Array
  shear: Array


def affine(
  rotation: Array | float = 30.0,
  translation: Array | float = 3.0,
  *,
  scale: Array | float = 0.0,
  shear: Array | float = 0.0,
  eps: Array | float = 1.0,
  padding: bilinear.Padding = "zero",
) -> PerturbationSet:
  """Affine transforms of images `[B, H, W, C]`, with a `Transform` as delta.

  Each parameter lies between minus and plus its range, and `linear_maximizer`
  is the corner of this box in the direction of the gradient. With the default
  ranges a step size of 0.1 is 3 degrees and 0.3 pixels. Ranges and eps are
  floats, tracers or `[B]`.

  `grid(x, n)` has n values of each parameter with a range other than 0. A
  sequence n gives the numbers of values of rotation, downward translation,
  rightward translation, scale and shear, in this order; those left out are 1.
  Values are evenly spaced and include both ends; a single value is 0. Odd
  numbers include the identity.

  Args:
    rotation: range in degrees.
    translation: range in pixels, for both directions.
    scale: range of the relative growth, below 1.
    shear: range in degrees.
    eps: factor of all ranges, for sweeps.
    padding: "zero" or "edge", the values outside the image.

  Raises:
    ValueError: a range is negative, scale is not below 1, or the padding is
      unknown.

  Source: Engstrom et al. 2019, "Exploring the Landscape of Spatial Robustness",
  rotation and translation.

  Deviation: one interpolation, where their code interpolates after the rotation
  and again after the translation.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> pset, x = perturbations.affine(30.0), jnp.eye(5)[None, :, :, None]
    >>> delta = pset.zero(x)._replace(rotation=jnp.array([90.0]))
    >>> pset.project(x, delta).rotation
    Array([30.], dtype=float32)
  """
  limits = {
    "rotation": rotation,
    "translation": translation,
    "scale": scale,
    "shear": shear,
  }
  for name, limit in {**limits, "eps": eps}.items():
    checks.non_negative(name, limit)
  if _known(scale) and np.any(np.asarray(scale) >= 1):
    raise ValueError(f"scale = {scale}: expected less than 1.")
  bilinear.check_padding(padding)

  def ranges(x):
    reach = [jnp.broadcast_to(eps * r, x.shape[:1]) for r in limits.values()]
    box = Transform(*(r.astype(jnp.float32) for r in reach))
    return box._replace(translation=jnp.stack([box.translation] * 2, axis=1))

  def project(x, delta):
    return jax.tree.map(lambda t, r: jnp.clip(t, -r, r), delta, ranges(x))

  def sample(key: Key, x: Array) -> Transform:
    box = ranges(x)
    keys = Transform(*jax.random.split(key, len(box)))
    return jax.tree.map(
      lambda k, r: r * jax.random.uniform(k, r.shape, minval=-1.0), keys, box
    )

  def grid(x: Array, n: int | Sequence[int]) -> Grid:
    cube = lattice.cube(_counts(n, limits))

    def at(index):
      place = cube.at(index)
      way = Transform(place[0], place[1:3], place[3], place[4])
      return jax.tree.map(jnp.multiply, way, ranges(x))

    return Grid(cube.size, at)

  return PerturbationSet(
    zero=lambda x: jax.tree.map(jnp.zeros_like, ranges(x)),
    sample=sample,
    project=project,
    linear_maximizer=lambda x, grad: jax.tree.map(
      lambda g, r: r * jnp.sign(g), grad, ranges(x)
    ),
    apply=lambda x, delta: bilinear.warp(x, *_origins(x, delta), padding),
    check=checks.images,
    grid=grid,
  )


def _origins(x: Array, delta: Transform) -> tuple[Array, Array]:
  """Position in x of each pixel of the result: the inverse transform."""
  rows, columns = bilinear.pixels(x)
  middle_row, middle_column = ((size - 1) / 2 for size in x.shape[1:3])
  growth, angle, lean, down, right = (
    parameter[:, None, None]
    for parameter in (
      1 + delta.scale,
      jnp.deg2rad(delta.rotation),
      jnp.tan(jnp.deg2rad(delta.shear)),
      *delta.translation.T,
    )
  )
  # The inverse, from the last transform to the first; offsets from the center.
  below = (rows - middle_row - down) / growth
  beside = (columns - middle_column - right) / growth
  cos, sin = jnp.cos(angle), jnp.sin(angle)
  below, beside = cos * below + sin * beside, cos * beside - sin * below
  return below + middle_row, beside - lean * below + middle_column


def _counts(
  n: int | Sequence[int], limits: dict[str, Array | float]
) -> tuple[int, ...]:
  """Numbers of values of rotation, down, right, scale and shear in a grid."""
  rotation, translation, scale, shear = limits.values()
  along = (rotation, translation, translation, scale, shear)
  if isinstance(n, int):
    counts = tuple(1 if _known(r) and np.all(r == 0) else n for r in along)
  else:
    counts = (*n, *[1] * (len(along) - len(n)))
  if len(counts) > len(along):
    raise ValueError(
      f"n = {n}: expected at most {len(along)} counts, of rotation, downward "
      "and rightward translation, scale and shear."
    )
  return counts


def _known(limit: Array | float) -> bool:
  return not isinstance(limit, jax.core.Tracer)
