"""Turned from right to left."""

import jax.numpy as jnp

from robust_jax.corruptions import affine_maps
from robust_jax.sequences.signature import frame_by_frame, sequence
from robust_jax.types import Array, Key


@sequence
def rotate(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Rotated by -15, ..., 15 degrees, counter-clockwise; corners are black.

  Arguments and result as `signature.sequence` says; nothing is random.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys, size

  def frame(i):
    angle = jnp.deg2rad(i - 15.0)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    matrix = jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])
    return affine_maps.about_centre(x, matrix)

  return frame_by_frame(frame, 31)
