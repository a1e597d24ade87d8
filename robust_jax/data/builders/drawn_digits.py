"""Digits drawn with the fonts of matplotlib, which need no download."""

import functools

from robust_jax.data.builders._common import Examples, InMemory
from robust_jax.data.builders._draw_digits import draw_digits, drawn_splits

NUM_EXAMPLES = {"train": 6_000, "test": 1_000}


class DrawnDigits(InMemory, skip_registration=True):  # type: ignore[call-arg]
  """White digits on black in 22 fonts, of the size of those of MNIST.

  `image` is uint8 `[28, 28, 1]`, `label` is 0..9: 6,000 training and 1,000
  test examples with equally many of each class. Font, height, width, place,
  rotation, slant, thickness and blur are drawn at random with a fixed seed.
  Both splits use the same fonts. Another version of Pillow may round otherwise.

  Source: after the synthetic numbers of Ganin and Lempitsky, "Unsupervised
    Domain Adaptation by Backpropagation", 2015, section 4.1.
  """

  IMAGE_SHAPE = (28, 28, 1)
  DESCRIPTION = "Digits of 28x28 pixels, drawn with 22 fonts."
  HOMEPAGE = "https://matplotlib.org"

  def make_splits(self) -> dict[str, Examples]:
    """Returns both splits; keys are positions in the order of drawing."""
    draw = functools.partial(draw_digits, size=self.IMAGE_SHAPE[0])
    return drawn_splits(NUM_EXAMPLES, 0, draw)
