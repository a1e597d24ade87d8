"""Natural shifts: test sets of other images, collected by others."""

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
  rows_of_classes,
  shift_results,
)
from robust_jax.comparison.extra_tests.base import Context, Dependency
from robust_jax.comparison.extra_tests.table import Cell, results_table
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import CLEAN
from robust_jax.comparison.predict_with_model import ModelFailed
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.run_predictions import run_predictions


class NaturalShifts:
  """Accuracy on natural shift datasets; an `ExtraTest`.

  Attributes:
    name: name of the test.
    empty: value where the test is not requested.

  Example:
    >>> from robust_jax.comparison.extra_tests import NaturalShifts
    >>> test = NaturalShifts(["cifar10_c/fog_3=data/CIFAR-10-C"])
    >>> test.name
    'natural_shifts'
  """

  name = "natural_shifts"
  empty: ClassVar[list] = []

  def __init__(self, texts: Sequence[str], size: int | None = None):
    """Parses the names of the datasets.

    Args:
      texts: `NAME[/PART][=FOLDER]` each; see `parse_shift_spec`.
      size: side in pixels to which all images are resized and cropped; None
        leaves them unchanged.

    Raises:
      ValueError: a text has another form, or a dataset is unknown or repeated.
    """
    self._specs = [parse_shift_spec(text) for text in texts]
    self._size = size
    titles = [spec.title for spec in self._specs]
    for title in titles:
      if titles.count(title) > 1:
        raise ValueError(f"natural shift '{title}' is repeated.")

  def start(self, context: Context) -> "_Run":
    """Reads the datasets.

    Raises:
      ValueError: a dataset cannot be read or does not fit the data, or a model
        has stored outputs only.
    """
    context.require_models("natural shifts")
    sets = []
    for spec in self._specs:
      found = load_natural_shift(
        spec, self._size, context.num_examples, context.seed
      )
      _check(found, context.examples)
      sets.append(found)
    return _Run(sets, context)

  def table(self, found: Sequence[Mapping[str, Any]]) -> rich.table.Table:
    """Returns a row per dataset and a column per model."""
    rows = [
      (
        f"{row['name']}, {_WORDS[row['measure']]}",
        [_cell(row["measure"], one) for one in row["models"].values()],
      )
      for row in found
    ]
    caption = "In percent. These images do not count in any risk."
    return results_table(
      "Natural shifts", caption, list(found[0]["models"]), rows
    )


_WORDS = {
  ACCURACY: "accuracy",
  FLIPS: "flips",
  OUTLIERS: "outliers (AUROC)",
}


def _cell(kind, model) -> Cell:
  if kind == OUTLIERS:
    found = model["outliers"]
    return "-" if found is None else f"{found['auroc']:.1f}"
  return model[kind.replace(" ", "_")]


class _Run:
  """One step per dataset."""

  def __init__(self, sets: Sequence[NaturalShift], context: Context):
    self._sets = {found.title: found for found in sets}
    self._context = context
    self._stores = {
      title: {
        name: PredictionStore(
          context.out, store.model, found.images, context.seed, title, store
        )
        for name, store in context.stores.items()
      }
      for title, found in self._sets.items()
    }
    self.steps: Sequence[str] = list(self._sets)
    self.dependencies: Sequence[Dependency] = [
      Dependency(store, self._sets[title].images)
      for title in self.steps
      for store in self._stores[title].values()
    ]

  def is_done(self, step: str) -> bool:
    return all(
      store.find(CLEAN) is not None for store in self._stores[step].values()
    )

  def run(self, step: str, interrupted: Callable[[], bool]) -> bool:
    stores = list(self._stores[step].values())
    images, seed = self._sets[step].images, self._context.seed
    try:
      return run_predictions(
        stores, images, (), seed, lambda done: None, interrupted
      )
    except ModelFailed as error:
      message = f"natural shift '{step}': {error}"
      raise ModelFailed(error.name, message) from error

  def report(self) -> list[dict[str, Any]]:
    context = self._context
    kinds = [measure(found) for found in self._sets.values()]
    clean = {name: one.get(CLEAN) for name, one in context.stores.items()}
    return [
      shift_results(
        found,
        {name: one.get(CLEAN) for name, one in self._stores[title].items()},
        clean,
        context.examples,
        level=context.level,
        seed=context.seed,
        tables=sum(kind != OUTLIERS for kind in kinds),
      )
      for title, found in self._sets.items()
    ]


def _check(found: NaturalShift, images: LoadedExamples):
  """Checks that the same models can be evaluated on both.

  Raises:
    ValueError: classes or channels differ.
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
    sorted({shape[-1] for shape in loaded.facts})
    for loaded in (found.images, images)
  ]
  if channels[0] != channels[1]:
    raise ValueError(
      f"images of {what} have {channels[0]} channels, those of the data "
      f"{channels[1]}: expected gray images or color images in both."
    )
  if measure(found) == OUTLIERS and not len(rows_of_classes(found, images)):
    raise ValueError(
      f"{what} needs clean images of {len(found.classes or ())} classes to "
      "compare with, and the data have none: expected ImageNet."
    )


def _classes(names) -> str:
  return f"{len(names)} classes ({', '.join(names[:3])}, ...)"
