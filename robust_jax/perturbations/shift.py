"""Whole-pixel shifts and reflections."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks
from robust_jax.perturbations import _grid as lattice
from robust_jax.perturbations import bilinear
from robust_jax.types import Array, Grid, Key, PerturbationSet

_AXES = {
  "none": (0, 0),
  "vertical": (1, 0),
  "horizontal": (0, 1),
  "both": (1, 1),
}


class Move(NamedTuple):
  """A reflection followed by a shift of each image.

  Attributes:
    pixels: `[B, 2]`, whole pixels down and to the right.
    flip: `[B, 2]`, 1 where top and bottom, or left and right, are exchanged.
  """

  pixels: Array
  flip: Array


def shift(
  eps: Array | float = 3,
  *,
  flip: Literal["none", "vertical", "horizontal", "both"] = "none",
  padding: bilinear.Padding = "zero",
) -> PerturbationSet:
  """Shifts of images by up to eps whole pixels in each direction.

  delta is a `Move`. The set is finite: `project` and `apply` round, so the
  gradient is 0 and gradient searches stay at the clean point. `grid(x, n)` has
  n evenly spaced shifts along each axis, rounded, but at most the 2 eps + 1
  existing ones, times the reflections. A sequence n gives the numbers of shifts
  down and to the right.

  Args:
    eps: largest shift in pixels, rounded down; a float, a tracer or `[B]`. A
      grid needs a concrete value.
    flip: the allowed reflections, "none", "vertical", "horizontal" or "both";
      "horizontal" exchanges left and right.
    padding: "zero" or "edge", the values outside the image.

  Raises:
    ValueError: eps is negative, or the flip or the padding is unknown.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> pset, x = perturbations.shift(1), jnp.eye(3)[None, :, :, None]
    >>> pset.grid(x, 3).size
    9
    >>> pset.apply(x, pset.grid(x, 3).at(0))[0, :, :, 0]  # up, to the left
    Array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 0.]], dtype=float32)
  """
  checks.non_negative("eps", eps)
  bilinear.check_padding(padding)
  if flip not in _AXES:
    raise ValueError(f"flip = '{flip}': expected one of {', '.join(_AXES)}.")

  def limits(x):
    pixels = jnp.broadcast_to(jnp.floor(eps), x.shape[:1]).astype(jnp.float32)
    both = jnp.stack([pixels, pixels], axis=1)
    return Move(
      both, jnp.broadcast_to(np.array(_AXES[flip], np.float32), both.shape)
    )

  def project(x, delta):
    most = limits(x)
    pixels = jnp.clip(jnp.round(delta.pixels), -most.pixels, most.pixels)
    return Move(pixels, jnp.clip(jnp.round(delta.flip), 0, most.flip))

  def sample(key: Key, x: Array) -> Move:
    key_pixels, key_flip = jax.random.split(key)
    most = limits(x)
    # The 2 eps + 1 shifts are equally likely.
    unit = jax.random.uniform(key_pixels, most.pixels.shape)
    pixels = jnp.floor(unit * (2 * most.pixels + 1)) - most.pixels
    coin = jax.random.bernoulli(key_flip, shape=most.flip.shape)
    return Move(jnp.minimum(pixels, most.pixels), coin * most.flip)

  def linear_maximizer(x, grad):
    most = limits(x)
    pixels = most.pixels * jnp.sign(grad.pixels)
    return Move(pixels, most.flip * (grad.flip > 0))

  def grid(x: Array, n: int | Sequence[int]) -> Grid:
    reflections = [axis + 1 for axis in _AXES[flip]]
    cube = lattice.cube([*reflections, *_counts(n, eps)])

    def at(index):
      place, most = cube.at(index), limits(x)
      return Move(
        jnp.round(most.pixels * place[2:]), most.flip * (place[:2] > 0)
      )

    return Grid(cube.size, at)

  return PerturbationSet(
    zero=lambda x: jax.tree.map(jnp.zeros_like, limits(x)),
    sample=sample,
    project=project,
    linear_maximizer=linear_maximizer,
    apply=lambda x, delta: bilinear.warp(x, *_origins(x, delta), padding),
    check=checks.images,
    grid=grid,
  )


def _origins(x: Array, delta: Move) -> tuple[Array, Array]:
  """Position in x of each pixel of the result."""
  pixels = jnp.round(delta.pixels)[:, :, None, None]
  flip = jnp.round(delta.flip)[:, :, None, None]
  places = []
  for axis, place in enumerate(bilinear.pixels(x)):
    moved = place - pixels[:, axis]
    mirrored = x.shape[1 + axis] - 1 - moved
    places.append(jnp.where(flip[:, axis] > 0, mirrored, moved))
  return places[0], places[1]


def _counts(n: int | Sequence[int], eps: Array | float) -> list[int]:
  """Numbers of shifts down and to the right in a grid."""
  counts = [n, n] if isinstance(n, int) else list(n)
  if len(counts) != 2:
    raise ValueError(
      f"n = {n}: expected one number, or two: down and to the right."
    )
  if isinstance(eps, jax.core.Tracer):
    return counts
  most = 2 * int(np.max(np.floor(eps))) + 1
  return [min(count, most) for count in counts]
