"""Interval arithmetic that is sound in float32.

Each function encloses what an operation makes of any values within the
intervals of its operands, both in real arithmetic and as float32 computes it:

- a sum of n products, in whatever order, with or without fused operations, is
  off by at most g sum |w h| with g = n u / (1 - n u), u = 2^-24; bounds are
  widened by more than twice that, for the model's rounding and for their own;
- any other arithmetic is widened by 4 u of its size, and 1e-30 for underflow.

That holds where products are of float32 (`precision.evaluation`), and not for
algorithms that multiply otherwise, such as Winograd's or by FFT.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from robust_jax.types import Array

_UNIT = 2.0**-24
_TINY = 1e-30


class Interval(NamedTuple):
  """`lower <= value <= upper`, arrays of the value's shape."""

  lower: Array
  upper: Array


def widened(lower: Array, upper: Array, size: Array) -> Interval:
  """For the rounding of one operation on numbers of that size."""
  slack = 4 * _UNIT * size + _TINY
  return Interval(lower - slack, upper + slack)


def rounded(lower: Array, upper: Array) -> Interval:
  """`widened` by the rounding of the ends themselves."""
  return widened(lower, upper, jnp.maximum(jnp.abs(lower), jnp.abs(upper)))


def center_and_radius(x: Interval) -> tuple[Array, Array]:
  """A center in the interval, and a radius that reaches both ends."""
  center = x.lower / 2 + x.upper / 2
  radius = jnp.maximum(x.upper - center, center - x.lower)
  return center, radius * (1 + 4 * _UNIT) + _TINY


def rounding_of_sums(num_terms: int) -> float:
  """g of a sum of so many products."""
  nu = (num_terms + 2) * _UNIT
  return nu / (1 - nu)


def add(a: Interval, b: Interval) -> Interval:
  """The sum."""
  lower, upper = a.lower + b.lower, a.upper + b.upper
  return rounded(lower, upper)


def negative(a: Interval) -> Interval:
  """The negative, which rounds nothing."""
  return Interval(-a.upper, -a.lower)


def linear(
  apply: Callable[[Array, Array], Array],
  x: Interval,
  kernel: Array,
  num_terms: int,
) -> Interval:
  """`apply(x, kernel)`, bilinear: sums of `num_terms` products."""
  center, radius = center_and_radius(x)
  g = 2 * rounding_of_sums(num_terms)
  radius = (1 + g) * (radius + g * (jnp.abs(center) + radius))
  center, radius = apply(center, kernel), apply(radius, jnp.abs(kernel))
  size = jnp.abs(center) + radius
  return widened(center - radius, center + radius, size)
