"""Blending of digits with photographs, as in MNIST-M."""

from collections.abc import Sequence

import numpy as np


def blend(
  digits: np.ndarray, photographs: Sequence[np.ndarray], seed: int
) -> np.ndarray:
  """Blends digits with random crops of photographs: `|photograph - digit|`.

  The photograph and the crop of the i-th digit are drawn from (seed, i) by
  integers that NumPy guarantees never to change, so the result depends neither
  on the order nor on the process.

  Args:
    digits: uint8 `[N, H, W, 1]`, gray.
    photographs: uint8 `[height, width, 3]` each, at least of size H, W.
    seed: one per split.

  Returns:
    uint8 `[N, H, W, 3]`.

  Source: Ganin et al., "Domain-Adversarial Training of Neural Networks", 2016,
    section 5.2.4 (MNIST-M).
  Deviation: the random draws are our own.
  """
  height, width = digits.shape[1:3]
  blended = np.empty((*digits.shape[:3], 3), np.uint8)
  for i, digit in enumerate(digits):
    draws = np.random.SeedSequence((seed, i)).generate_state(3, np.uint64)
    photograph = photographs[int(draws[0]) % len(photographs)]
    top = int(draws[1]) % (photograph.shape[0] - height + 1)
    left = int(draws[2]) % (photograph.shape[1] - width + 1)
    piece = photograph[top : top + height, left : left + width]
    # |a - b| for unsigned integers without a wider type.
    blended[i] = np.maximum(piece, digit) - np.minimum(piece, digit)
  return blended
