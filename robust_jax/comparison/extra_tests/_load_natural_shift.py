"""A natural shift set, held in memory to be compared on."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robust_jax.comparison.load_images import LoadedImages, load_images
from robust_jax.data.readers.image_reader import ImageReader, Sample
from robust_jax.data.readers.natural_shift import NAMES, natural_shift
from robust_jax.data.readers.resized_images import Resized

_EXAMPLE = "NAME[/PART][=FOLDER], as in cifar10_c/fog_3=data/CIFAR-10-C"


class ShiftSpec(NamedTuple):
  """What a command line asks for.

  Attributes:
    title: name and part, "cifar10_c/fog_3".
    name: of the set.
    part: of it; None where none is given.
    folder: of its authors; None is what TFDS has prepared.
  """

  title: str
  name: str
  part: str | None
  folder: pathlib.Path | None


@dataclasses.dataclass(frozen=True, eq=False)
class NaturalShift:
  """Its images, and what is a right answer to them.

  Attributes:
    title: name and part.
    images: N of them; `available` counts sequences where they are frames.
    classes: which of the model's compete; None is all.
    label_sets: N sets of right classes, where there may be several.
    frames: images that are one sequence, one after the other; 1 if none are.
    noise: frames have no order, and the first one is clean.
  """

  title: str
  images: LoadedImages
  classes: tuple[int, ...] | None
  label_sets: tuple[frozenset[int], ...] | None
  frames: int
  noise: bool


def parse_shift_spec(text: str) -> ShiftSpec:
  """From "NAME[/PART][=FOLDER]".

  Raises:
    ValueError: another text, or an unknown set.
  """
  title, equals, folder = text.partition("=")
  name, slash, part = title.partition("/")
  if not name or (slash and not part) or (equals and not folder):
    raise ValueError(f"natural shift '{text}': expected {_EXAMPLE}.")
  if name not in NAMES:
    raise ValueError(
      f"natural shift '{name}': expected one of {', '.join(NAMES)}."
    )
  path = pathlib.Path(folder).expanduser() if folder else None
  return ShiftSpec(title, name, part or None, path)


def load_natural_shift(
  spec: ShiftSpec, size: int | None, num_examples: int | None, seed: int
) -> NaturalShift:
  """Reads a set, or some of it.

  Args:
    spec: which.
    size: pixels to resize and crop to; None leaves images as they are.
    num_examples: how many images, or sequences of frames, are drawn; None is
      all.
    seed: of the draw.

  Raises:
    ValueError: see `adapters.natural_shift`, or no image can be used.
  """
  try:
    found = natural_shift(spec.name, spec.folder, part=spec.part)
    available = len(found.dataset) // found.frames
    rows: Sequence[int] = range(len(found.dataset))
    if found.frames > 1:
      rows = _whole(available, found.frames, num_examples, seed)
      num_examples = None
    read = _Read(found.dataset, rows)
    images = load_images(
      read if size is None else Resized(read, size), num_examples, seed
    )
  except ValueError as error:
    raise ValueError(f"natural shift '{spec.title}': {error}") from error
  sets = found.label_sets
  return NaturalShift(
    title=spec.title,
    images=dataclasses.replace(images, available=available),
    classes=found.classes,
    label_sets=sets and tuple(sets[read.places[name]] for name in images.ids),
    frames=found.frames,
    noise="noise" in (spec.part or ""),  # as the authors' code tells it
  )


def _whole(available, frames, num_examples, seed):
  """Places of the frames of some sequences."""
  order = np.random.default_rng(seed).permutation(available)[:num_examples]
  return (np.sort(order)[:, None] * frames + np.arange(frames)).ravel()


class _Read:
  """Some examples of a dataset, and where each was found in it."""

  def __init__(self, dataset: ImageReader, rows: Sequence[int]):
    self.class_names = dataset.class_names
    self.left_out = getattr(dataset, "left_out", ())
    self.places: dict[str, int] = {}
    self._dataset, self._rows = dataset, rows

  def __len__(self) -> int:
    return len(self._rows)

  def get(self, index: int) -> Sample:
    sample = self._dataset.get(int(self._rows[index]))
    self.places.setdefault(sample[0], int(self._rows[index]))
    return sample
