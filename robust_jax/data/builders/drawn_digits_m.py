"""Digits drawn with fonts and blended with photographs, as in MNIST-M."""

import numpy as np

from robust_jax.data.builders import drawn_digits
from robust_jax.data.builders._blend import blend
from robust_jax.data.builders._common import Examples, InMemory
from robust_jax.data.builders._draw_digits import draw_digits

_PHOTOGRAPHS = ("china.jpg", "flower.jpg")
_NUM_BANDS = 8  # of a photograph of 640 pixels; every fourth is for testing
_SEED = 2  # of the first split: other digits than those of `drawn_digits`


class DrawnDigitsM(InMemory, skip_registration=True):  # type: ignore[call-arg]
  """Digits drawn with fonts, blended with two photographs of scikit-learn.

  `image` is uint8 `[28, 28, 3]`: in each channel, the absolute difference
  between a black and white digit and a crop of a photograph, as in MNIST-M;
  `label` is 0..9. The 10,000 training and 2,000 test digits are drawn as those
  of `drawn_digits`, from other seeds. Both photographs, a temple and a flower,
  are cut into eight vertical bands; test digits use every fourth of them, and
  training digits the others.
  """

  IMAGE_SHAPE = (28, 28, 3)
  DESCRIPTION = "Digits drawn with 22 fonts, blended with two photographs."
  HOMEPAGE = "https://scikit-learn.org"

  def make_splits(self) -> dict[str, Examples]:
    """Returns both splits; keys are positions in the order of drawing."""
    # Imported here, as only preparing needs scikit-learn, which loads slowly.
    from sklearn.datasets import load_sample_image

    bands = [
      band
      for name in _PHOTOGRAPHS
      for band in np.hsplit(load_sample_image(name), _NUM_BANDS)
    ]
    tested = bands[3::4]
    trained = [band for i, band in enumerate(bands) if i % 4 != 3]
    parts = {"train": trained, "test": tested}
    splits = {}
    for seed, (split, number) in enumerate(
      drawn_digits.NUM_EXAMPLES.items(), start=_SEED
    ):
      labels = np.arange(number) % 10
      digits = draw_digits(labels, seed, self.IMAGE_SHAPE[0])
      black_and_white = np.where(digits > 127, np.uint8(255), np.uint8(0))
      images = blend(black_and_white, parts[split], seed)
      splits[split] = Examples(np.arange(number), images, labels)
    return splits
