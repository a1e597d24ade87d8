"""Nearer and nearer."""

import jax.numpy as jnp

from robust_jax.corruptions import affine_maps, constants
from robust_jax.sequences.signature import frame_by_frame, sequence
from robust_jax.types import Array, Key

# The first share of the size, and what each frame adds.
_SHARE = {224: (0.4, 0.025), 32: (0.7, 0.02)}


@sequence
def scale(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """From 40 to 115 percent of its size, small images from 70 to 130.

  Black around it. Arguments and result as `signature.sequence` says; nothing is
  random.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys
  first, more = constants.rows(_SHARE, x, size)
  return frame_by_frame(
    lambda i: affine_maps.about_centre(x, jnp.eye(2) / (first + more * i)), 31
  )
