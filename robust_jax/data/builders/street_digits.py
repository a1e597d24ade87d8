"""Colored digits with their neighbors, drawn as on house numbers."""

import functools

from robust_jax.data.builders._common import Examples, InMemory
from robust_jax.data.builders._draw_digits import (
  draw_street_digits,
  drawn_splits,
)

NUM_EXAMPLES = {"train": 20_000, "test": 2_000}
_SEED = 4  # of the first split


class StreetDigits(InMemory, skip_registration=True):  # type: ignore[call-arg]
  """Digits as on house numbers, in 22 fonts; a stand-in for SVHN.

  `image` is uint8 `[32, 32, 3]`, like those of `svhn_cropped`, `label` is 0..9,
  the digit in the middle: 20,000 training and 2,000 test examples with equally
  many of each class. Colors, brightness, noise, neighboring digits, font, size,
  place, rotation, slant, thickness and blur are drawn at random with a fixed
  seed. These are not photographs, and results are not comparable with those on
  SVHN.

  Source: after the synthetic numbers of Ganin and Lempitsky, "Unsupervised
    Domain Adaptation by Backpropagation", 2015, section 4.1.
  """

  IMAGE_SHAPE = (32, 32, 3)
  DESCRIPTION = "Colored digits of 32x32 pixels, drawn with 22 fonts."
  HOMEPAGE = "https://matplotlib.org"

  def make_splits(self) -> dict[str, Examples]:
    """Returns both splits; keys are positions in the order of drawing."""
    draw = functools.partial(draw_street_digits, size=self.IMAGE_SHAPE[0])
    return drawn_splits(NUM_EXAMPLES, _SEED, draw)
