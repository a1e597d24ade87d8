"""A TFDS dataset of the schema of ImageNet: JPEG files of varying sizes."""

import io

import numpy as np
import PIL.Image
import tensorflow_datasets as tfds

NUM_CLASSES = 3


def jpeg(image: np.ndarray) -> bytes:
  file = io.BytesIO()
  PIL.Image.fromarray(image).save(file, "JPEG", quality=95)
  return file.getvalue()


def pictures(num_examples: int) -> list[np.ndarray]:
  """Smooth colors, which JPEG keeps, in portrait and landscape formats."""
  rng = np.random.default_rng(0)
  found = []
  for index in range(num_examples):
    height, width = rng.integers(20, 60, 2)
    rows, columns = np.indices((height, width))
    blue = np.full((height, width), 20 * index)
    planes = 250 * rows / height, 250 * columns / width, blue
    found.append(np.stack(planes, axis=-1).astype(np.uint8))
  return found


class Photos(  # type: ignore[call-arg]
  tfds.core.GeneratorBasedBuilder, skip_registration=True
):
  """Twelve images to train on, and five to test on."""

  VERSION = tfds.core.Version("1.0.0")
  code_path = None

  def _info(self):
    features = tfds.features
    return tfds.core.DatasetInfo(
      builder=self,
      description="Photographs.",
      features=features.FeaturesDict(
        {
          "image": features.Image(encoding_format="jpeg"),
          "label": features.ClassLabel(num_classes=NUM_CLASSES),
          "file_name": features.Text(),
        }
      ),
      supervised_keys=("image", "label"),
    )

  def _split_generators(self, dl_manager):
    return {
      "train": self._generate_examples(12),
      "validation": self._generate_examples(5),
    }

  def _generate_examples(self, num_examples):
    for index, image in enumerate(pictures(num_examples)):
      yield (
        index,
        {
          "image": io.BytesIO(jpeg(image)),
          "label": index % NUM_CLASSES,
          "file_name": f"n{index:08d}.JPEG",
        },
      )
