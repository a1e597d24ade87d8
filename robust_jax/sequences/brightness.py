"""From dark to bright."""

from robust_jax.corruptions import brightness as corruption
from robust_jax.corruptions import constants
from robust_jax.sequences.signature import frame_by_frame, sequence
from robust_jax.types import Array, Key

_STEP = {224: 0.02, 32: 0.015}


@sequence
def brightness(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """-15, ..., 15 steps of 0.02 (small images 0.015) added to the HSV value.

  Arguments and result as `signature.sequence` says; nothing is random.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys
  step = float(constants.rows(_STEP, x, size))
  return frame_by_frame(lambda i: corruption.brightened(x, step * (i - 15)), 31)
