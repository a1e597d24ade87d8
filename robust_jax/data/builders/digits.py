"""The embedded dataset: real handwritten digits that need no download."""

import numpy as np

from robust_jax.data.builders._common import Examples, InMemory


class Digits(InMemory, skip_registration=True):
  """The 1797 digits of the UCI archive that ship inside scikit-learn.

  `image` uint8 `[8, 8, 1]`: the archive counts the inked pixels of each 4x4
  block of a scan, 0..16; these counts are scaled by 255/16 and rounded to the
  nearest integer, halves to even (8 inked pixels become 128). `label` 0..9.

  The archive keeps each writer's digits together, so a cut at some position
  would test on the hands of a few people, unlike those trained on. The splits
  are drawn instead, with a fixed seed and the same fraction of every class:
  1437 to train, 360 to test. The price: a test digit's writer has been seen in
  training, so accuracies say nothing about new hands.

  Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
  Digits", UCI Machine Learning Repository, 1998 (its test part).
  """

  IMAGE_SHAPE = (8, 8, 1)
  DESCRIPTION = "Handwritten digits of 8x8 pixels, from scikit-learn."
  HOMEPAGE = "https://archive.ics.uci.edu/dataset/80"

  def make_splits(self) -> dict[str, Examples]:
    """Both splits; the keys are positions in the archive."""
    # Only preparing needs scikit-learn, which takes long to import.
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    archive = load_digits()
    train, test = train_test_split(
      np.arange(len(archive.target)),
      test_size=360,
      stratify=archive.target,
      random_state=0,
    )
    images = np.rint(archive.images * (255 / 16)).astype(np.uint8)[..., None]
    return {
      name: Examples(index, images[index], archive.target[index])
      for name, index in (("train", train), ("test", test))
    }
