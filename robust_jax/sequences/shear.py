"""Leaning from one side to the other."""

import jax.numpy as jnp

from robust_jax.corruptions import affine_maps
from robust_jax.sequences.signature import frame_by_frame, sequence
from robust_jax.types import Array, Key


@sequence
def shear(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Verticals lean by -15, ..., 15 degrees; corners are black.

  Arguments and result as `signature.sequence` says; nothing is random. One of
  the four extra sequences.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys, size

  def frame(i):
    slope = jnp.tan(jnp.deg2rad(i - 15.0))
    matrix = jnp.eye(2).at[0, 1].set(slope)
    return affine_maps.about_centre(x, matrix)

  return frame_by_frame(frame, 31)
