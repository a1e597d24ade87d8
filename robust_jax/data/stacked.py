"""Stacked images: three random gray images as the channels of one."""

import dataclasses

import jax
import numpy as np

from robust_jax import checks
from robust_jax.data.dataset import Dataset
from robust_jax.data.images import image_shape

_CHANNELS = 3


def stacked(dataset: Dataset, num_examples: int, seed: int = 0) -> Dataset:
  """Stacks three random gray images as the channels of one (Stacked MNIST).

  Of K classes there are K^3, class `K^2 a + K b + c` of the channels' classes:
  1,000 modes of MNIST, which a generator may cover or not. An image is a
  function of the seed and of its index alone, and more images begin with the
  same ones.

  Args:
    dataset: gray images `[H, W, 1]` with a class.
    num_examples: number of stacked images.
    seed: seed of the draw.

  Returns:
    The dataset of images `[H, W, 3]`.

  Raises:
    ValueError: there are no examples, or the images are not gray.

  Source: Metz et al. 2017, "Unrolled generative adversarial networks", section
  3.3.1; Srivastava et al. 2017, "VEEGAN", section 4.2.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.load import load
    >>> from robust_jax.data.stacked import stacked
    >>> digits = stacked(load("digits", "test"), num_examples=1000)
    >>> digits.read(np.arange(2))["x"].shape, digits.fact("num_classes")
    ((2, 8, 8, 3), 1000)
  """
  checks.at_least_one("num_examples", num_examples)
  checks.non_negative("seed", seed)
  height, width, channels = image_shape(dataset)
  if channels != 1:
    raise ValueError(
      f"images of '{dataset.name}' have {channels} channels: expected gray "
      "images, one for each channel of the stack."
    )
  num_classes = dataset.fact("num_classes")
  shape = (height, width, _CHANNELS)
  draw = np.random.default_rng(seed)
  chosen = draw.integers(len(dataset), size=(num_examples, _CHANNELS))

  def read(indices):
    # Each of the images is read once, however often it is part of a stack.
    rows, places = np.unique(chosen[indices], return_inverse=True)
    single = dataset.read(rows)
    places = places.reshape(len(indices), _CHANNELS)
    x = np.stack([single["x"][column, :, :, 0] for column in places.T], axis=-1)
    y = single["y"][places] @ num_classes ** np.arange(_CHANNELS)[::-1]
    return {"x": x, "y": y.astype(np.int32)}

  return dataclasses.replace(
    dataset,
    name=f"stacked {dataset.name}",
    spec={**dataset.spec, "x": jax.ShapeDtypeStruct(shape, np.uint8)},
    num_examples=num_examples,
    read=read,
    info={"num_classes": num_classes**_CHANNELS, "image_shape": shape},
  )
