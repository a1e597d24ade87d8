"""The common part of readers of images with boxes."""

import abc
import collections
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from robust_jax.boxes import AnnotatedImage
from robust_jax.data.readers.detection.check_boxes import clean
from robust_jax.data.readers.in_order import places
from robust_jax.data.readers.read_picture import Picture
from robust_jax.data.readers.reader import Problem, Reader, Sample


class Entry(NamedTuple):
  """The objects of one image, as they are stored.

  Attributes:
    boxes: float `[n, 4]`, (left, top, right, bottom).
    classes: int `[n]`, indices into the class names of the file.
    ignored: bool `[n]`; see `boxes.Annotations`.
    size: (H, W) of the image that the boxes are in pixels of, if it is known.
    fractions: whether boxes are fractions of width and height, not pixels.
    changed: lossy conversions; see `Sample`.
  """

  boxes: np.ndarray
  classes: np.ndarray
  ignored: np.ndarray
  size: tuple[int, int] | None = None
  fractions: bool = False
  changed: tuple[str, ...] = ()


class BoxReader(Reader, Protocol):
  """Protocol of readers of images with boxes.

  Attributes:
    class_names: K names.
    ids: names of the N examples.
    image_ids: number of each image in COCO files -> its name; from 1 on, unless
      all names of files are distinct numbers.
    category_ids: number of each class in COCO files -> its name; from 1 on.
    left_out: files beside the examples that are not used.
  """

  ids: Sequence[str]
  image_ids: Mapping[int, str]
  category_ids: Mapping[int, str]
  left_out: Sequence[Problem]


class AnnotatedImages(abc.ABC):
  """Base class of a `BoxReader` of one format; images are in color.

  Pictures are read on access. Their EXIF orientation is applied, unless the
  stored size of the image says that its boxes are those of the unturned one.
  Boxes are clipped to the image, and those without area are left out; each is a
  phrase in `Sample.changed`.

  Attributes:
    class_names: see `BoxReader`, as the others.
    ids: likewise.
    image_ids: likewise.
    category_ids: likewise.
    left_out: likewise.
  """

  def __init__(
    self,
    ids: Sequence[str],
    own_names: Sequence[str],
    class_names: Sequence[str] | None,
    left_out: Sequence[Problem] = (),
  ):
    """Names the examples and their classes.

    Args:
      ids: names of the examples.
      own_names: names of the classes of the file.
      class_names: K names, in the order of the model's outputs; None for those
        of the file.
      left_out: files that are not used.

    Raises:
      ValueError: a name of a class is repeated, or the file has a class that is
        not among the names.
    """
    self.class_names: Sequence[str] = tuple(class_names or own_names)
    if not self.class_names:
      raise ValueError("there are no objects: expected class_names.")
    for names in (own_names, self.class_names):
      for name, count in collections.Counter(names).items():
        if count > 1:
          raise ValueError(
            f"{count} classes are named '{name}': expected distinct names."
          )
    self.ids: Sequence[str] = tuple(ids)
    self.image_ids: Mapping[int, str] = dict(
      zip(_numbers(self.ids), self.ids, strict=True)
    )
    self.category_ids: Mapping[int, str] = dict(enumerate(self.class_names, 1))
    self.left_out: Sequence[Problem] = tuple(left_out)
    self._places = np.array(places(own_names, self.class_names))

  def __len__(self) -> int:
    return len(self.ids)

  def get(self, index: int) -> Sample:
    """Returns the image at the index with its boxes.

    Raises:
      ValueError: the picture cannot be read or has another size than its boxes
        are for; the message contains its name.
    """
    try:
      entry = self._entry(index)
      picture = self._picture(index, entry.size)
      height, width = picture.image.shape[:2]
      boxes = entry.boxes
      if entry.fractions:
        boxes = boxes * (width, height, width, height)
      annotations, changed = clean(
        boxes, self._places[entry.classes], entry.ignored, height, width
      )
    except Exception as error:  # Pillow raises many types for broken files
      raise ValueError(f"{self.ids[index]}: {error}") from error
    return Sample(
      self.ids[index],
      AnnotatedImage(picture.image, annotations),
      None,
      (*picture.changed, *entry.changed, *changed),
    )

  @abc.abstractmethod
  def _entry(self, index: int) -> Entry:
    """Returns the objects of the image at the index."""

  @abc.abstractmethod
  def _read(self, index: int, upright: bool = True) -> Picture:
    """Reads the picture at the index; see `read_picture`."""

  def _picture(self, index: int, size: tuple[int, int] | None) -> Picture:
    picture = self._read(index)
    if size in (None, picture.image.shape[:2]):
      return picture
    stored = self._read(index, upright=False)
    if size != stored.image.shape[:2]:
      raise ValueError(
        f"the boxes are for an image of {_words(size)}, and the picture has "
        f"{_words(picture.image.shape)}: expected the one that was annotated."
      )
    return stored


def _numbers(ids: Sequence[str]) -> Sequence[int]:
  stems = [pathlib.PurePosixPath(name).stem for name in ids]
  numbers = [int(stem) for stem in stems if stem.isdecimal()]
  return numbers if len(set(numbers)) == len(ids) else range(1, len(ids) + 1)


def _words(size) -> str:
  return f"{size[1]} x {size[0]} pixels"
