"""The embedded digits dataset, which needs no download."""

import numpy as np

from robust_jax.data.builders._common import Examples, InMemory


class Digits(InMemory, skip_registration=True):  # type: ignore[call-arg]
  """The 1797 handwritten digits of the UCI archive included in scikit-learn.

  `image` is uint8 `[8, 8, 1]`: the archive counts the inked pixels of each 4x4
  block of a scan, 0..16; these counts are scaled by 255/16 and rounded to the
  nearest integer, halves to even (8 inked pixels become 128). `label` is 0..9.

  The archive is ordered by writer, so a split at some position would test on a
  few writers who are not in the training set. Instead, the splits are drawn
  with a fixed seed and equal fractions of every class: 1437 for training, 360
  for testing. Writers of test digits occur in the training set, so accuracies
  do not measure generalization to new writers.

  Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
    Digits", UCI Machine Learning Repository, 1998 (its test part).
  """

  IMAGE_SHAPE = (8, 8, 1)
  DESCRIPTION = "Handwritten digits of 8x8 pixels, from scikit-learn."
  HOMEPAGE = "https://archive.ics.uci.edu/dataset/80"

  def make_splits(self) -> dict[str, Examples]:
    """Returns both splits; keys are positions in the archive."""
    # Imported here, as only preparing needs scikit-learn, which loads slowly.
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
