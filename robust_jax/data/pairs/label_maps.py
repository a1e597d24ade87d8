"""Pairs of a label map and the image that it describes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.data.dataset import Dataset
from robust_jax.data.images import unit_interval
from robust_jax.data.load import number_of_examples, prepared_builder
from robust_jax.data.tfds import find_builder
from robust_jax.types import Batch, PyTree


def label_maps(dataset: str, part: str, data_dir: str | None = None) -> Dataset:
  """Pairs whose input is a colored map of the classes of the target's pixels.

  Classes have the colors of `palette`; pixels of unknown class are black.

  Args:
    dataset: name of a dataset of images with a class for each pixel, "camvid".
    part: split of the dataset, such as "train".
    data_dir: TFDS directory, see `data.load`.

  Returns:
    A `Dataset` of x, y and `labels` `[H, W]` int8, the classes, or -1 where
    they are unknown.

  Raises:
    ValueError: there is no such dataset or part, it is not prepared, or it has
      no such labels.

  Example:
    >>> from robust_jax.data import pairs
    >>> pairs.label_maps("digits", "test")
    Traceback (most recent call last):
    ValueError: dataset 'digits' has no class for each pixel: expected one
    such as 'camvid'.
  """
  builder = find_builder(dataset, data_dir)
  label = dict(builder.info.features or {}).get("label")
  if len(getattr(label, "shape", ())) != 2:
    raise ValueError(
      f"dataset '{dataset}' has no class for each pixel: expected one such as "
      "'camvid'."
    )
  builder = prepared_builder(builder, dataset, data_dir)
  num_examples = number_of_examples(builder, part)
  records = builder.as_data_source(part)
  shape = builder.info.features["image"].shape
  class_names = tuple(builder.CLASS_NAMES)

  def read(indices):
    rows = records.__getitems__(np.asarray(indices).tolist())
    labels = np.stack([row["label"] for row in rows]).astype(np.int8)
    return {
      "y": np.stack([row["image"] for row in rows]),
      "labels": np.where(labels < len(class_names), labels, np.int8(-1)),
    }

  spec = {
    "y": jax.ShapeDtypeStruct(shape, np.uint8),
    "labels": jax.ShapeDtypeStruct(shape[:2], np.int8),
  }
  info = {"num_classes": len(class_names), "class_names": class_names}
  return with_maps(Dataset(dataset, spec, num_examples, read, info=info))


def with_maps(labeled: Dataset) -> Dataset:
  """Adds the inputs x to targets y with their `labels`; see `label_maps`.

  They are computed when an example is decoded.
  """
  colors = palette(labeled.fact("num_classes"))
  target_shape = labeled.field("y").shape
  shape = (*target_shape[:2], 3)

  def decode(stored: dict[str, PyTree]) -> Batch:
    y, labels = unit_interval(stored["y"]), stored["labels"]
    x = unit_interval(jnp.asarray(colors)[labels.astype(np.int32)])
    return {"x": x, "y": y, "labels": labels}

  return dataclasses.replace(
    labeled,
    decode=decode,
    info={**labeled.info, "image_shape": shape, "target_shape": target_shape},
  )


def palette(num_classes: int) -> np.ndarray:
  """The colors of classes, uint8 `[K + 1, 3]`; the last is black, for -1.

  Source: Everingham et al. 2010, "The PASCAL visual object classes (VOC)
  challenge": bits of the number of a class, from the lowest on, are those of
  red, green and blue in turn, from the highest on.

  Example:
    >>> from robust_jax.data.pairs.label_maps import palette
    >>> palette(2).tolist()
    [[128, 0, 0], [0, 128, 0], [0, 0, 0]]
  """
  numbers = np.arange(1, num_classes + 1)
  colors = np.zeros((num_classes + 1, 3), np.uint8)
  for place in range(24):
    bit = (numbers >> place) & 1
    colors[:-1, place % 3] |= (bit << (7 - place // 3)).astype(np.uint8)
  return colors
