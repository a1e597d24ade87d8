"""Loading of natural shift datasets into memory."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robust_jax.comparison.load_examples import LoadedExamples, load_examples
from robust_jax.data.readers.natural_shift import NAMES, natural_shift
from robust_jax.data.readers.reader import Reader, Sample
from robust_jax.data.readers.resized_images import Resized

_EXAMPLE = "NAME[/PART][=FOLDER], as in cifar10_c/fog_3=data/CIFAR-10-C"


class ShiftSpec(NamedTuple):
  """A natural shift dataset as named on the command line.

  Attributes:
    title: name and part, such as "cifar10_c/fog_3".
    name: name of the dataset.
    part: its part, or None.
    folder: folder of its authors; None for the dataset prepared by TFDS.
  """

  title: str
  name: str
  part: str | None
  folder: pathlib.Path | None


@dataclasses.dataclass(frozen=True, eq=False)
class NaturalShift:
  """Images of a natural shift dataset, and which predictions are correct.

  Attributes:
    title: name and part.
    images: the N images; `available` counts sequences where images are frames.
    classes: classes among which to predict; None for all.
    label_sets: N sets of correct classes, or None where there is one label.
    frames: number of consecutive images that form a sequence; 1 if none do.
    noise: whether frames have no order, and the first one is clean.
  """

  title: str
  images: LoadedExamples
  classes: tuple[int, ...] | None
  label_sets: tuple[frozenset[int], ...] | None
  frames: int
  noise: bool


def parse_shift_spec(text: str) -> ShiftSpec:
  """Parses "NAME[/PART][=FOLDER]".

  Raises:
    ValueError: the text has another form, or the dataset is unknown.
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
  """Reads a natural shift dataset, or a random part of it.

  Args:
    spec: the dataset.
    size: side in pixels to resize and crop images to; None leaves them
      unchanged.
    num_examples: number of images, or of sequences of frames, to draw; None for
      all.
    seed: seed of the draw.

  Raises:
    ValueError: see `natural_shift`; or no image is usable.
  """
  try:
    found = natural_shift(spec.name, spec.folder, part=spec.part)
    available = len(found.dataset) // found.frames
    rows: Sequence[int] = range(len(found.dataset))
    if found.frames > 1:
      rows = _draw_sequences(available, found.frames, num_examples, seed)
      num_examples = None
    subset = _Subset(found.dataset, rows)
    images = load_examples(
      subset if size is None else Resized(subset, size), num_examples, seed
    )
  except ValueError as error:
    raise ValueError(f"natural shift '{spec.title}': {error}") from error
  sets = found.label_sets
  return NaturalShift(
    title=spec.title,
    images=dataclasses.replace(images, available=available),
    classes=found.classes,
    label_sets=sets
    and tuple(sets[subset.indices[name]] for name in images.ids),
    frames=found.frames,
    noise="noise" in (spec.part or ""),  # as in the authors' code
  )


def _draw_sequences(available, frames, num_examples, seed):
  """Returns the indices of the frames of random sequences."""
  order = np.random.default_rng(seed).permutation(available)[:num_examples]
  return (np.sort(order)[:, None] * frames + np.arange(frames)).ravel()


class _Subset:
  """Some examples of a dataset, which records their indices in it."""

  def __init__(self, dataset: Reader, rows: Sequence[int]):
    self.class_names = dataset.class_names
    self.left_out = getattr(dataset, "left_out", ())
    self.indices: dict[str, int] = {}
    self._dataset, self._rows = dataset, rows

  def __len__(self) -> int:
    return len(self._rows)

  def get(self, index: int) -> Sample:
    sample = self._dataset.get(int(self._rows[index]))
    self.indices.setdefault(sample[0], int(self._rows[index]))
    return sample
