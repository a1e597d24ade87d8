"""Crops of photographs, and their blending with digits as in MNIST-M."""

from collections.abc import Sequence

import numpy as np


def blend(
  digits: np.ndarray, photographs: Sequence[np.ndarray], seed: int
) -> np.ndarray:
  """Blends digits with random crops of photographs: `|photograph - digit|`.

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
  pieces = crops(digits.shape[:3], photographs, seed)
  # |a - b| for unsigned integers without a wider type.
  return np.maximum(pieces, digits) - np.minimum(pieces, digits)


def crops(
  shape: tuple[int, ...], photographs: Sequence[np.ndarray], seed: int
) -> np.ndarray:
  """Cuts random crops out of photographs.

  The photograph and the place of the i-th crop are drawn from (seed, i) by
  integers that NumPy guarantees never to change, so the result depends neither
  on the order nor on the process.

  Args:
    shape: `(N, H, W)`, number and size of the crops.
    photographs: uint8 `[height, width, 3]` each, at least of size H, W.
    seed: one per split.

  Returns:
    uint8 `[N, H, W, 3]`.
  """
  number, height, width = shape
  pieces = np.empty((*shape, 3), np.uint8)
  for i in range(number):
    draws = np.random.SeedSequence((seed, i)).generate_state(3, np.uint64)
    photograph = photographs[int(draws[0]) % len(photographs)]
    top = int(draws[1]) % (photograph.shape[0] - height + 1)
    left = int(draws[2]) % (photograph.shape[1] - width + 1)
    pieces[i] = photograph[top : top + height, left : left + width]
  return pieces
