"""The embedded target domain: digits blended with photographs."""

import numpy as np

from robust_jax.data.builders._blend import blend
from robust_jax.data.builders._common import Examples, InMemory
from robust_jax.data.builders.digits import Digits

# A crop of the size of a digit then shows a sixteenth of the photograph, about
# as much as in MNIST-M, instead of a patch of one color.
_SHRINK = 5


class DigitsM(InMemory, skip_registration=True):  # type: ignore[call-arg]
  """The dataset `digits`, blended with two photographs of scikit-learn.

  It resembles MNIST-M but is not comparable with published results. `image` is
  uint8 `[8, 8, 3]`, `label` is 0..9; the splits are those of `digits`. Training
  digits are blended with a photograph of a temple, test digits with one of a
  flower, each averaged over blocks of 5x5 pixels.
  """

  IMAGE_SHAPE = (8, 8, 3)
  DESCRIPTION = "The digits of 8x8 pixels blended with two photographs."
  HOMEPAGE = Digits.HOMEPAGE

  def make_splits(self) -> dict[str, Examples]:
    """Returns both splits; keys are positions in the archive of digits."""
    from sklearn.datasets import load_sample_image

    originals = Digits.make_splits(self)
    photographs = {"train": "china.jpg", "test": "flower.jpg"}
    splits = {}
    for seed, (split, file) in enumerate(photographs.items()):
      keys, images, labels = originals[split]
      photograph = _shrunk(load_sample_image(file))
      splits[split] = Examples(keys, blend(images, [photograph], seed), labels)
    return splits


def _shrunk(photograph):
  height, width = (size // _SHRINK for size in photograph.shape[:2])
  whole = photograph[: height * _SHRINK, : width * _SHRINK]
  blocks = whole.reshape(height, _SHRINK, width, _SHRINK, 3)
  return np.rint(blocks.mean((1, 3))).astype(np.uint8)
