"""Pairs of an image and of what is computed from it."""

import dataclasses

import jax
import numpy as np

from robust_jax import checks, lookup
from robust_jax.data.dataset import Dataset
from robust_jax.data.images import image_shape, unit_interval
from robust_jax.data.load import load
from robust_jax.types import Batch, PyTree


def derived(
  dataset: str,
  input: str,
  part: str,
  padding: int = 0,
  data_dir: str | None = None,
) -> Dataset:
  """Pairs whose target is an image and whose input is computed from it.

  The input is computed when an example is decoded, inside the compiled step, so
  any prepared dataset of images becomes one of pairs: edges to clothes, gray to
  color.

  Args:
    dataset: name of a dataset of images with classes, see `data.load`.
    input: what is drawn from the images, a member of `data.pairs.inputs`, or
      "package.module:function".
    part: split of the dataset, such as "train[:90%]".
    padding: black pixels that are added on all four sides, for networks that
      halve images several times.
    data_dir: TFDS directory, see `data.load`.

  Returns:
    A `Dataset` of x, y and `labels` `[]`, the classes.

  Raises:
    ValueError: there is no such dataset, part or input, or padding is negative.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data import pairs
    >>> dataset = pairs.derived("digits", "edges", "test[:8]", padding=4)
    >>> batch = dataset.decode(dataset.read(np.arange(2)))
    >>> batch["x"].shape, batch["y"].shape, batch["labels"].shape
    ((2, 16, 16, 1), (2, 16, 16, 1), (2,))
  """
  return derived_pairs(load(dataset, part, data_dir), input, padding)


def derived_pairs(images: Dataset, input: str, padding: int = 0) -> Dataset:
  """Makes pairs of a dataset of images with classes; see `derived`."""
  checks.non_negative("padding", padding)
  draw = lookup.find("data.pairs.inputs", input)
  height, width, channels = image_shape(images)
  shape = (height + 2 * padding, width + 2 * padding, channels)
  target = jax.ShapeDtypeStruct(shape, np.uint8)
  sides = ((0, 0), (padding, padding), (padding, padding), (0, 0))

  def read(indices):
    stored = images.read(indices)
    return {"y": np.pad(stored["x"], sides), "labels": stored["y"]}

  def decode(stored: dict[str, PyTree]) -> Batch:
    y = unit_interval(stored["y"])
    return {"x": draw(y), "y": y, "labels": stored["labels"]}

  one = jax.ShapeDtypeStruct((1, *shape), np.float32)
  input_shape = jax.eval_shape(draw, one).shape[1:]
  return dataclasses.replace(
    images,
    name=f"{input} of {images.name}",
    spec={"y": target, "labels": images.field("y")},
    read=read,
    decode=decode,
    info={**images.info, "image_shape": input_shape, "target_shape": shape},
  )
