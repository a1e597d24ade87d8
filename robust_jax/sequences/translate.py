"""From left to right."""

import jax.numpy as jnp

from robust_jax.corruptions import affine_maps, constants
from robust_jax.sequences.signature import frame_by_frame, sequence
from robust_jax.types import Array, Key

# The farthest to the left, in pixels, and how many frames.
_RANGE = {224: (20, 41), 32: (7, 16)}


@sequence
def translate(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Moved by -20, -19, ..., 20 pixels; small images by -7, ..., 8.

  Black comes in. Arguments and result as `signature.sequence` says; nothing is
  random.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys
  first, count = map(int, constants.rows(_RANGE, x, size))

  def frame(i):
    moved = jnp.stack([i - first, 0]).astype(jnp.float32)
    return affine_maps.about_centre(x, jnp.eye(2), -moved)

  return frame_by_frame(frame, count)
