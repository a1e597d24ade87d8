"""Test sets that other people collected, beside the images compared."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import rich.table

from robust_jax.comparison.extra_tests._load_natural_shift import (
  NaturalShift,
  load_natural_shift,
  parse_shift_spec,
)
from robust_jax.comparison.extra_tests._shift_results import (
  ACCURACY,
  FLIPS,
  OUTLIERS,
  measure,
  of_its_classes,
  shift_results,
)
from robust_jax.comparison.extra_tests.base import Context, Dependency
from robust_jax.comparison.extra_tests.table import Cell, section_table
from robust_jax.comparison.load_images import LoadedImages
from robust_jax.comparison.model import CLEAN
from robust_jax.comparison.predict_with_model import ModelFailed
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.run_predictions import run_predictions


class NaturalShifts:
  """Accuracy on natural shift sets; a `Section`.

  Attributes:
    name: of the section.
    nothing: where nobody asks for it.
  """

  name = "natural_shifts"
  nothing: ClassVar[list] = []

  def __init__(self, texts: Sequence[str], size: int | None = None):
    """Notes which.

    Args:
      texts: "NAME[/PART][=FOLDER]" each, as
        `load_natural_shift.parse_shift_spec` takes them.
      size: pixels that all images are resized and cropped to; None leaves
        them as they are.

    Raises:
      ValueError: another text, an unknown set, or one given twice.
    """
    self._specs = [parse_shift_spec(text) for text in texts]
    self._size = size
    titles = [spec.title for spec in self._specs]
    for title in titles:
      if titles.count(title) > 1:
        raise ValueError(f"natural shift '{title}' is given twice.")

  def start(self, setting: Context) -> "_Asking":
    """Reads the sets.

    Raises:
      ValueError: a set cannot be read or does not fit the data; a model that
        is not here to be asked.
    """
    setting.need_models("natural shifts")
    sets = []
    for spec in self._specs:
      found = load_natural_shift(
        spec, self._size, setting.num_examples, setting.seed
      )
      _check(found, setting.images)
      sets.append(found)
    return _Asking(sets, setting)

  def table(self, found: Sequence[Mapping[str, Any]]) -> rich.table.Table:
    """Models beside each other, a row per set."""
    rows = [
      (
        f"{row['name']}, {_WORDS[row['measure']]}",
        [_cell(row["measure"], one) for one in row["models"].values()],
      )
      for row in found
    ]
    caption = "In percent. Other images: part of no risk."
    return section_table(
      "Natural shifts", caption, list(found[0]["models"]), rows
    )


_WORDS = {ACCURACY: "right", FLIPS: "flips", OUTLIERS: "outliers found (AUROC)"}


def _cell(kind, model) -> Cell:
  if kind == OUTLIERS:
    found = model["outliers"]
    return "-" if found is None else f"{found['auroc']:.1f}"
  return model[kind.replace(" ", "_")]


class _Asking:
  """A step per set."""

  def __init__(self, sets: Sequence[NaturalShift], setting: Context):
    self._sets = {found.title: found for found in sets}
    self._setting = setting
    self._kept = {
      title: {
        name: PredictionStore(
          setting.out, kept.model, found.images, setting.seed, title, kept
        )
        for name, kept in setting.kept.items()
      }
      for title, found in self._sets.items()
    }
    self.steps = list(self._sets)
    self.dependencies = [
      Dependency(kept, self._sets[title].images)
      for title in self.steps
      for kept in self._kept[title].values()
    ]

  def answered(self, step: str) -> bool:
    return all(
      kept.read(CLEAN) is not None for kept in self._kept[step].values()
    )

  def ask(self, step: str, interrupted: Callable[[], bool]) -> bool:
    kept = list(self._kept[step].values())
    images, seed = self._sets[step].images, self._setting.seed
    try:
      return run_predictions(
        kept, images, (), seed, lambda done: None, interrupted
      )
    except ModelFailed as error:
      message = f"natural shift '{step}': {error}"
      raise ModelFailed(error.name, message) from error

  def report(self) -> list[dict[str, Any]]:
    setting = self._setting
    kinds = [measure(found) for found in self._sets.values()]
    clean = {name: kept.read(CLEAN) for name, kept in setting.kept.items()}
    return [
      shift_results(
        found,
        {name: kept.read(CLEAN) for name, kept in self._kept[title].items()},
        clean,
        setting.images,
        level=setting.level,
        seed=setting.seed,
        tables=sum(kind != OUTLIERS for kind in kinds),
      )
      for title, found in self._sets.items()
    ]


def _check(found: NaturalShift, images: LoadedImages):
  """That the same models can be asked about both.

  Raises:
    ValueError: they cannot.
  """
  what = f"natural shift '{found.title}'"
  theirs, ours = found.images.class_names, images.class_names
  named = not any(name.isdecimal() for name in (*theirs, *ours))
  if len(theirs) != len(ours) or (named and theirs != ours):
    raise ValueError(
      f"{what} has {_classes(theirs)}, the data {_classes(ours)}: expected the "
      "same classes in the same order."
    )
  channels = [
    sorted({shape[-1] for shape in held.shapes})
    for held in (found.images, images)
  ]
  if channels[0] != channels[1]:
    raise ValueError(
      f"images of {what} have {channels[0]} channels, those of the data "
      f"{channels[1]}: expected gray ones or colored ones."
    )
  if measure(found) == OUTLIERS and not len(of_its_classes(found, images)):
    raise ValueError(
      f"{what} is told apart from clean images of {len(found.classes or ())} "
      "classes, and the data have none that are labeled so: expected ImageNet."
    )


def _classes(names) -> str:
  return f"{len(names)} classes ({', '.join(names[:3])}, ...)"
