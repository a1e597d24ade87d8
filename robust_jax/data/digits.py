"""The embedded data set: real handwritten digits that need no download."""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds


class Digits(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """The 1797 digits of the UCI archive that ship inside scikit-learn.

  `image` uint8 `[8, 8, 1]`: the archive counts the inked pixels of each 4x4
  block of a scan, 0..16; these counts are scaled by 255/16 and rounded to the
  nearest integer, halves to even (8 inked pixels become 128). `label` 0..9.

  The archive keeps each writer's digits together, so a cut at some position
  would test on the hands of a few people, unlike those trained on. The splits
  are drawn instead, with a fixed seed and the same share of every class: 1437
  to train, 360 to test. The price: a test digit's writer has been seen in
  training, so accuracies say nothing about new hands.

  No feature needs tensorflow to be written: `Image` would, `Tensor` and
  `ClassLabel` do not.

  Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
  Digits", UCI Machine Learning Repository, 1998 (its test part).
  """

  VERSION = tfds.core.Version("1.0.0")
  # TFDS looks beside the code for checksums of downloads, of which there are
  # none, by a package that it does not list among its dependencies.
  code_path = None

  def _info(self) -> tfds.core.DatasetInfo:
    return tfds.core.DatasetInfo(
      builder=self,
      description="Handwritten digits of 8x8 pixels, from scikit-learn.",
      features=tfds.features.FeaturesDict(
        {
          "image": tfds.features.Tensor(shape=(8, 8, 1), dtype=np.uint8),
          "label": tfds.features.ClassLabel(num_classes=10),
        }
      ),
      supervised_keys=("image", "label"),
      homepage="https://archive.ics.uci.edu/dataset/80",
    )

  def _split_generators(self, dl_manager) -> dict[str, Iterator]:
    del dl_manager
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
    return {
      "train": self._generate_examples(archive, train),
      "test": self._generate_examples(archive, test),
    }

  def _generate_examples(self, archive, indices) -> Iterator:
    images = np.rint(archive.images * (255 / 16)).astype(np.uint8)
    for index in indices.tolist():
      label = int(archive.target[index])
      yield index, {"image": images[index, ..., None], "label": label}
