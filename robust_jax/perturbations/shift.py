"""Whole-pixel shifts, and reflections."""

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
  """What is done to each image: first the reflection, then the shift.

  Attributes:
    pixels: `[B, 2]`, whole pixels down and to the right.
    flip: `[B, 2]`, 1 where top and bottom, left and right are exchanged.
  """

  pixels: Array
  flip: Array


def shift(
  eps: Array | float = 3,
  *,
  flip: Literal["none", "vertical", "horizontal", "both"] = "none",
  padding: bilinear.Padding = "zero",
) -> PerturbationSet:
  """Shifts by up to eps whole pixels each way, delta a `Move`.

  A finite set: `project` rounds, `apply` too, so its gradient is 0 and searches
  that need one stay at the clean point. `grid(x, n)` has n evenly spaced shifts
  of each axis, rounded, but no more than the 2 eps + 1 there are, times the
  reflections; a sequence n gives the number down and the number to the right.

  Args:
    eps: largest shift in pixels, of which the whole part counts; a float, a
      tracer or `[B]`. A grid needs to know it.
    flip: which reflections are allowed; "horizontal" exchanges left and right.
    padding: "zero" or "edge", what comes in from outside.

  Raises:
    ValueError: eps is negative, or no such flip or padding.
  """
  checks.non_negative("eps", eps)
  bilinear.check_padding(padding)
  if flip not in _AXES:
    raise ValueError(f"flip = '{flip}': expected one of {', '.join(_AXES)}.")

  def limits(x):
    pixels = jnp.broadcast_to(jnp.floor(eps), x.shape[:1]).astype(jnp.float32)
    both = jnp.stack([pixels, pixels], axis=1)
    return Move(both, jnp.broadcast_to(np.float32(_AXES[flip]), both.shape))

  def project(x, delta):
    most = limits(x)
    pixels = jnp.clip(jnp.round(delta.pixels), -most.pixels, most.pixels)
    return Move(pixels, jnp.clip(jnp.round(delta.flip), 0, most.flip))

  def sample(key: Key, x: Array) -> Move:
    key_pixels, key_flip = jax.random.split(key)
    most = limits(x)
    # Each of the 2 eps + 1 shifts is as likely.
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
  """Where in x each pixel of the result comes from."""
  pixels = jnp.round(delta.pixels)[:, :, None, None]
  flip = jnp.round(delta.flip)[:, :, None, None]
  places = []
  for axis, place in enumerate(bilinear.pixels(x)):
    moved = place - pixels[:, axis]
    mirrored = x.shape[1 + axis] - 1 - moved
    places.append(jnp.where(flip[:, axis] > 0, mirrored, moved))
  return places[0], places[1]


def _counts(n: int | Sequence[int], eps: Array | float) -> list[int]:
  """Shifts down and to the right that a grid has."""
  counts = [n, n] if isinstance(n, int) else list(n)
  if len(counts) != 2:
    raise ValueError(f"n = {n}: expected one number, or two, down and right.")
  if isinstance(eps, jax.core.Tracer):
    return counts
  most = 2 * int(np.max(np.floor(eps))) + 1
  return [min(count, most) for count in counts]
