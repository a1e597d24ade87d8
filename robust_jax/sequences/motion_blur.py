"""The direction of a motion turns."""

import jax.numpy as jnp

from robust_jax.corruptions import constants, motion
from robust_jax.sequences.signature import frame_by_frame, sequence
from robust_jax.types import Array, Key

# Radius, deviation, degrees per frame, the last frame.
_BLUR = {224: (10, 3.0, 4, 30), 32: (6, 1.8, 9, 20)}


@sequence
def motion_blur(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """A one-sided Gaussian along a line that turns to 0 degrees, by 4 a frame.

  Of small images by 9, in 21 frames instead of 31. Arguments and result as
  `signature.sequence` says; nothing is random.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys
  radius, sigma, turn, last = constants.rows(_BLUR, x, size)
  last, reach = int(last), int(radius)

  def frame(i):
    angles = jnp.full(len(x), turn * (i - last), jnp.float32)
    return motion.blurred(
      x, jnp.float32(radius), jnp.float32(sigma), angles, reach
    )

  return frame_by_frame(frame, last + 1)
