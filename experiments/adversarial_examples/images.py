"""Labeled images to attack, from the data of a config or of a user."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments import build
from experiments.examples import loaded_examples
from robust_jax import checks
from robust_jax.comparison.load_examples import load_examples
from robust_jax.data.loader import evaluation_loader
from robust_jax.data.readers.reader import Reader
from robust_jax.types import Model


class LabeledImages(NamedTuple):
  """N images and their classes.

  Attributes:
    x: `[N, H, W, C]`, float32 in [0, 1].
    labels: int `[N]`, in 0..K-1.
    ids: N names of the images in the data.
    class_names: K names.
  """

  x: np.ndarray
  labels: np.ndarray
  ids: Sequence[str]
  class_names: Sequence[str]


def images_of_config(
  config: ConfigDict, num_examples: int | None = None
) -> LabeledImages:
  """Reads the first test images of a config's data; all, for None."""
  dataset = build.dataset(config, "test")
  loader = evaluation_loader(
    dataset, config.evaluation.batch_size, num_examples=num_examples
  )
  x, labels = loaded_examples(loader)
  ids = [f"{dataset.name}/{i}" for i in range(len(x))]
  names = dataset.info.get("class_names")
  names = names or [str(i) for i in range(dataset.fact("num_classes"))]
  return LabeledImages(x, labels, ids, names)


def images_of_reader(
  reader: Reader, num_examples: int | None = None
) -> LabeledImages:
  """Reads labeled images of one shape, and prints what is left out.

  Args:
    reader: the images.
    num_examples: number of images to draw at random, the same for every model;
      None for all.

  Raises:
    ValueError: no image is usable, they have no labels, or several shapes.
  """
  found = load_examples(reader, num_examples, 0)
  for kind, count in found.problem_counts.items():
    print(f"{count:,} images of --data are left out: {kind}.")
  if found.labels is None:
    raise ValueError(
      "the images of --data have no labels: expected a folder for each class, "
      "or labels in the .npz."
    )
  if len(found.groups) > 1:
    shapes = [group.inputs.shape[1:] for group in found.groups[:2]]
    raise ValueError(
      f"the images of --data have {len(found.groups)} shapes, {shapes[0]} and "
      f"{shapes[1]} among them: expected one. Give the side that the model is "
      "for, as in --image_size=32."
    )
  x = found.groups[0].inputs.astype(np.float32) / 255
  return LabeledImages(x, found.labels, found.ids, found.class_names)


def refuse_other_images(model: Model, images: LabeledImages) -> None:
  """Checks that a model takes images of a user, and has their classes.

  Raises:
    ValueError: it does not.
  """
  height, width, channels = images.x.shape[1:]
  try:
    logits = jax.eval_shape(model, jax.numpy.asarray(images.x[:1]))
  except Exception as error:  # of any kind: the model is the user's
    raise ValueError(
      f"the model does not take the images of --data, which are {height} x "
      f"{width} with {channels} channels ({str(error).splitlines()[0]}): give "
      "the side that it is for by --image_size, and images with as many "
      "channels."
    ) from error
  checks.logits(logits, 1)
  if logits.shape[1] != len(images.class_names):
    raise ValueError(
      f"the model has {logits.shape[1]} classes, and --data has "
      f"{len(images.class_names)}, {', '.join(images.class_names[:5])}: name "
      "all of the model's in the order of its outputs by --class_names."
    )
