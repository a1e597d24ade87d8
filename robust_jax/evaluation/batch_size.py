"""How many images fit into one batch."""

import math
from collections.abc import Sequence

# Of 8-bit pixels; a change of images takes some twenty times as much.
_BYTES = 2**24
_LARGEST = 128


def batch_size(shape: Sequence[int], largest: int = _LARGEST) -> int:
  """Images of a shape that are worked on at a time, so that memory suffices.

  Args:
    shape: of one image, (H, W, C), or of several that belong together.
    largest: of small ones.

  Returns:
    From 1 to `largest`; a multiple of 8 where it is more than that, so that few
    programs are compiled.
  """
  fit = min(largest, _BYTES // math.prod(shape))
  return max(1, fit if fit < 8 else fit // 8 * 8)
