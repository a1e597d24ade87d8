"""Digits drawn with fonts over photographs, which need no download."""

import functools

import numpy as np

from robust_jax.data.builders import drawn_digits
from robust_jax.data.builders._blend import crops
from robust_jax.data.builders._common import Examples, InMemory
from robust_jax.data.builders._draw_digits import draw_digits, drawn_splits

_PHOTOGRAPHS = ("china.jpg", "flower.jpg")
_BRIGHTNESS = 0.8  # of the photographs, so that white digits stand out
_NUM_BANDS = 8  # of a photograph; every fourth is for testing
_SEED = 2  # of the first split: other digits than those of `drawn_digits`


class PhotoDigits(InMemory, skip_registration=True):  # type: ignore[call-arg]
  """White digits in 22 fonts over two photographs of scikit-learn.

  `image` is uint8 `[28, 28, 3]`: a digit over a crop of a photograph, which is
  darkened to 80 % of its brightness; `label` is 0..9. The 6,000 training and
  1,000 test digits are drawn as those of `drawn_digits`, from other seeds. Both
  photographs, a temple and a flower, are cut into eight vertical bands; test
  digits use every fourth of them, and training digits the others.

  It is easier than MNIST-M, where digits are the difference to a photograph,
  and lighter or darker than what is behind them.
  """

  IMAGE_SHAPE = (28, 28, 3)
  DESCRIPTION = "Digits drawn with 22 fonts over two photographs."
  HOMEPAGE = "https://scikit-learn.org"

  def make_splits(self) -> dict[str, Examples]:
    """Returns both splits; keys are positions in the order of drawing."""
    bands = [
      band
      for name in _PHOTOGRAPHS
      for band in np.hsplit(_photograph(name), _NUM_BANDS)
    ]
    trained = [band for i, band in enumerate(bands) if i % 4 != 3]
    parts = {"train": trained, "test": bands[3::4]}
    draw = functools.partial(draw_digits, size=self.IMAGE_SHAPE[0])
    drawn = drawn_splits(drawn_digits.NUM_EXAMPLES, _SEED, draw)
    return {
      split: digits._replace(images=_over(digits.images, parts[split], seed))
      for seed, (split, digits) in enumerate(drawn.items(), start=_SEED)
    }


def _over(digits, photographs, seed):
  """Puts white digits over crops of photographs."""
  ink = digits / 255
  behind = crops(digits.shape[:3], photographs, seed)
  return np.rint(255 * ink + behind * (1 - ink)).astype(np.uint8)


def _photograph(name):
  # Imported here, as only preparing needs scikit-learn, which loads slowly.
  from sklearn.datasets import load_sample_image

  return np.rint(_BRIGHTNESS * load_sample_image(name)).astype(np.uint8)
