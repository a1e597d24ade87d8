"""The wind turns while it snows."""

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import constants
from robust_jax.corruptions import snow as corruption
from robust_jax.sequences.signature import frame_by_frame, sequence
from robust_jax.types import Array, Key

# As in corruptions.snow: mean and deviation of the noise, its zoom and
# threshold, radius and deviation of the motion, share of the colours.
_FLAKES = {
  224: ((0.05, 0.3, 3, 0.5, 14, 4, 0.85),),
  32: ((0.05, 0.3, 3, 0.5, 10, 2, 0.85),),
}


@sequence
def snow(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """The same flakes fall at -150, -146, ..., -30 degrees.

  Arguments and result as `signature.sequence` says.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  table = constants.rows(_FLAKES, x, size)
  noise, _ = corruption.draw(keys, x)

  def frame(i):
    angles = jnp.full(len(x), 4.0 * i - 150)
    flakes = corruption.flakes(noise, angles, table, 1)
    return corruption.covered(x, flakes, np.float32(table[0, 6]))

  return frame_by_frame(frame, 31)
