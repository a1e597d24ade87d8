"""A dotted line across the image."""

import jax.numpy as jnp

from robust_jax.corruptions import draws, lines
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key


@corruption
def dotted_line(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """A white line from the left to the right edge, its height at both random.

  Every other two columns of it are drawn, in the coordinates of a 28-pixel
  image stretched over this one. Arguments and result as `signature.corruption`
  says; all severities are one.

  Source: Mu and Gilmer 2019 (MNIST-C).
  """
  del severity, size
  left, right = draw(keys, x)
  edges = jnp.zeros_like(left), jnp.full_like(left, lines.LAST)
  light = lines.line(x, (left, edges[0]), (right, edges[1]))
  _, columns = lines.coordinates(x)
  return x + jnp.where(columns // 2 % 2 == 1, light, 0.0)[..., None]


def draw(keys: Key, x: Array) -> tuple[Array, Array]:
  """The rows of the ends, `[B]` each: whole numbers from 0 to 26."""
  del x
  rows = draws.below(keys, (2,), lines.LAST).astype(jnp.float32)
  return rows[:, 0], rows[:, 1]
