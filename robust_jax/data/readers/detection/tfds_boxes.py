"""TFDS datasets of images with boxes as a reader."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from robust_jax.data.load import number_of_examples, prepared_builder
from robust_jax.data.readers.detection.annotated_images import (
  AnnotatedImages,
  Entry,
)
from robust_jax.data.readers.read_picture import Picture
from robust_jax.data.tfds import find_builder

_FORM = tfds.features.bounding_boxes_utils.BBoxFormat.REL_YXYX
# Features of objects that make them ignored: of COCO, and of Pascal VOC.
_IGNORED = ("is_crowd", "is_difficult")


class TfdsBoxes(AnnotatedImages):
  """One split of a TFDS dataset of images whose objects have boxes.

  Its features are `image` and, in `objects`, `bbox` and `label`. Crowds and
  difficult objects are ignored. The names of images are that of the dataset and
  the index.
  """

  def __init__(
    self,
    name: str,
    split: str,
    class_names: Sequence[str] | None = None,
    *,
    data_dir: str | None = None,
  ):
    """Opens the dataset; records are read on access.

    Args:
      name: name of a dataset, such as "coco/2017"; see `data.tfds`.
      split: a TFDS split, such as "validation[:1000]".
      class_names: K names, in the order of the model's outputs; None for those
        of the dataset.
      data_dir: TFDS directory; see `data.tfds.find_builder`.

    Raises:
      ValueError: the dataset or split is unknown or not prepared, or has no
        image or no boxes with labels.
    """
    builder = prepared_builder(find_builder(name, data_dir), name, data_dir)
    count = number_of_examples(builder, split)
    features: dict[str, Any] = dict(builder.info.features or {})
    objects = dict(getattr(features.get("objects"), "feature", {}))
    form = getattr(objects.get("bbox"), "bbox_format", None)
    if "image" not in features or "label" not in objects or form != _FORM:
      raise ValueError(
        f"dataset '{name}' has the features {list(features)}: expected 'image' "
        "and 'objects' with 'label' and 'bbox' (ymin, xmin, ymax, xmax, in "
        "fractions of the image)."
      )
    skip = {"image": tfds.decode.SkipDecoding()}
    self._without_images = builder.as_data_source(split, decoders=skip)
    self._records = builder.as_data_source(split)
    super().__init__(
      [f"{name}/{row}" for row in range(count)],
      objects["label"].names,
      class_names,
    )

  def _entry(self, index: int) -> Entry:
    objects = self._without_images[index]["objects"]
    top, left, bottom, right = np.reshape(objects["bbox"], (-1, 4)).T
    ignored = np.zeros(len(top), bool)
    for name in _IGNORED:
      ignored |= np.asarray(objects.get(name, False), bool)
    return Entry(
      np.stack([left, top, right, bottom], axis=1),
      np.asarray(objects["label"], np.int64),
      ignored,
      fractions=True,
    )

  def _read(self, index: int, upright: bool = True) -> Picture:
    del upright
    image = np.asarray(self._records[index]["image"])
    is_gray = image.shape[-1] == 1
    return Picture(np.repeat(image, 3, axis=-1) if is_gray else image, ())
