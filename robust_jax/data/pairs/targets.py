"""Decoding of pairs, and their targets with labels as a dataset."""

import dataclasses

from robust_jax.data.dataset import Dataset
from robust_jax.data.images import decode_images, unit_interval
from robust_jax.types import Batch, PyTree


def decode_pairs(stored: dict[str, PyTree]) -> Batch:
  """Decodes images x and y to float32 in [0, 1]; labels are unchanged."""
  return {**stored, **{name: unit_interval(stored[name]) for name in "xy"}}


def labeled_targets(pairs: Dataset) -> Dataset:
  """The targets y of pairs as inputs x, with their labels as targets y.

  A model that is trained on it can tell what generated images show.

  Raises:
    ValueError: the pairs have no labels.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.dataset import from_arrays
    >>> from robust_jax.data.pairs.targets import labeled_targets
    >>> images = np.zeros((3, 4, 4, 1), np.uint8)
    >>> fields = {"x": images, "y": images + 9, "labels": np.arange(3)}
    >>> info = {"target_shape": (4, 4, 1), "num_classes": 3}
    >>> dataset = labeled_targets(from_arrays("toy", fields, info=info))
    >>> stored = dataset.read(np.array([2]))
    >>> stored["x"].max(), stored["y"].tolist()
    (np.uint8(9), [2])
  """
  spec = {"x": pairs.field("y"), "y": pairs.field("labels")}
  shape = pairs.fact("target_shape")

  def read(indices):
    stored = pairs.read(indices)
    return {"x": stored["y"], "y": stored["labels"]}

  return dataclasses.replace(
    pairs,
    spec=spec,
    read=read,
    decode=decode_images,
    info={**pairs.info, "image_shape": shape},
  )
