"""Crops of images of any size to one size, decoded and resized on the host.

A crop is cut and resized in one operation of Pillow, bilinear with
antialiasing.
"""

import concurrent.futures
import dataclasses
import functools
import io
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import PIL.Image

from robust_jax import checks
from robust_jax.data.dataset import Dataset
from robust_jax.data.images import image_dataset
from robust_jax.data.readers.read_picture import open_picture

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""

Picture = bytes | np.ndarray
"""The content of an image file, or uint8 `[H, W, C]`."""

_AREA, _RATIO = (0.08, 1.0), (3 / 4, 4 / 3)
_NUM_DRAWS = 10
_CENTRAL_PART = 224 / 256


def cropped_dataset(
  name: str,
  image_shape: tuple[int, int, int],
  num_classes: int,
  num_examples: int,
  read_pairs: Callable[[list[int]], Iterable[tuple[Picture, int]]],
  *,
  class_names: Sequence[str] | None = None,
  unknown_labels: bool = False,
) -> Dataset:
  """Makes a dataset of square crops of images of any size.

  `read` gives central crops, for evaluation; `read_training`, which training
  loaders use, gives random ones, whose areas are uniform between 8 % and all of
  the image. Images are decoded by as many threads as there are CPUs.

  Args:
    name: name in error messages.
    image_shape: `(size, size, C)` of the crops, C 1 or 3.
    num_classes: K.
    num_examples: number of examples.
    read_pairs: `(list of indices) -> (image, label)` for each, thread-safe.
    class_names: K names, see `images.image_dataset`.
    unknown_labels: whether a label may be -1, for an unknown class.

  Raises:
    ValueError: the size is below 1; `read` raises it as `image_dataset` says,
      and for a file that is not an image.

  Source: Szegedy et al. 2015, "Going deeper with convolutions", section 6, and
  He et al. 2016, "Deep residual learning for image recognition", section 3.4.
  """
  checks.at_least_one("size", image_shape[0])

  def dataset(box_of_row: Callable[[int, int, int], Box]) -> Dataset:
    def crop(row: int, picture: Picture) -> np.ndarray:
      box_of = functools.partial(box_of_row, row)
      try:
        return crop_picture(picture, box_of, image_shape)
      except OSError as error:
        raise ValueError(
          f"image {row} of '{name}' cannot be decoded: {error}. Expected a "
          "picture file; prepare the dataset anew."
        ) from error

    def read_crops(rows: list[int]) -> Iterator[tuple[np.ndarray, int]]:
      pictures, labels = zip(*read_pairs(rows), strict=True)
      with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        images = threads.map(crop, rows, pictures)
        yield from zip(images, labels, strict=True)

    return image_dataset(
      name,
      image_shape,
      num_classes,
      num_examples,
      read_crops,
      class_names=class_names,
      unknown_labels=unknown_labels,
    )

  def read_training(indices: np.ndarray, seed: tuple[int, ...]):
    def box_of_row(row: int, width: int, height: int) -> Box:
      return random_box(np.random.default_rng((*seed, row)), width, height)

    return dataset(box_of_row).read(indices)

  central = dataset(lambda row, width, height: central_box(width, height))
  return dataclasses.replace(central, read_training=read_training)


def random_box(rng: np.random.Generator, width: int, height: int) -> Box:
  """Draws the box of a random resized crop of an image.

  Area and logarithm of the aspect ratio are uniform. A box that does not fit is
  drawn again, ten times at most; then it is the largest central one whose ratio
  is allowed.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.crops import random_box
    >>> left, top, right, bottom = random_box(np.random.default_rng(0), 60, 40)
    >>> 0 <= left < right <= 60, 0 <= top < bottom <= 40
    (True, True)
  """
  low, high = map(math.log, _RATIO)
  for _ in range(_NUM_DRAWS):
    area = rng.uniform(*_AREA) * width * height
    ratio = math.exp(rng.uniform(low, high))
    across = round(math.sqrt(area * ratio))
    down = round(math.sqrt(area / ratio))
    if 0 < across <= width and 0 < down <= height:
      left = int(rng.integers(width - across + 1))
      top = int(rng.integers(height - down + 1))
      return left, top, left + across, top + down
  widest, highest = height * _RATIO[1], width / _RATIO[0]
  return _middle(width, height, min(width, widest), min(height, highest))


def central_box(width: int, height: int) -> Box:
  """The box of the central crop of an image, for evaluation.

  It is 224 / 256 of the shorter side: that of a crop of 224 pixels after the
  shorter side is resized to 256.

  Example:
    >>> from robust_jax.data.crops import central_box
    >>> central_box(512, 256)
    (144.0, 16.0, 368.0, 240.0)
  """
  side = _CENTRAL_PART * min(width, height)
  return _middle(width, height, side, side)


def _middle(width: int, height: int, across: float, down: float) -> Box:
  left, top = (width - across) / 2, (height - down) / 2
  return left, top, left + across, top + down


def crop_picture(
  picture: Picture,
  box_of: Callable[[int, int], Box],
  shape: tuple[int, int, int],
) -> np.ndarray:
  """Decodes an image, and resizes a box of it.

  Args:
    picture: the image. Its EXIF orientation is not applied.
    box_of: `(width, height) -> box`.
    shape: `(H, W, C)` of the result; C = 1 makes it gray.

  Returns:
    uint8 `[H, W, C]`.

  Raises:
    OSError: it is not an image, or truncated.
  """
  if isinstance(picture, bytes):
    opened = open_picture(io.BytesIO(picture))
  else:
    gray = picture.shape[-1] == 1
    opened = PIL.Image.fromarray(picture[..., 0] if gray else picture)
  height, width, channels = shape
  with opened:
    image = opened.convert("L" if channels == 1 else "RGB")
  resized = image.resize(
    (width, height),
    PIL.Image.Resampling.BILINEAR,
    box=box_of(image.width, image.height),
  )
  return np.asarray(resized).reshape(shape)
