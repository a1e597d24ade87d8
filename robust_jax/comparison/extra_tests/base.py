"""The protocol of extra tests of a comparison."""

import functools
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import rich.table

from robust_jax.comparison.cases import Case
from robust_jax.comparison.data_kinds.images import batch_size
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.predict_with_model import (
  predict_classes,
  predict_in_batches,
)
from robust_jax.comparison.prediction_kinds.classes import only_classes
from robust_jax.comparison.prediction_store import PredictionStore

EXTRA_TESTS = "comparison.extra_tests"
"""The package in which `lookup` finds extra tests."""


class Context(NamedTuple):
  """The comparison to which an extra test belongs.

  Attributes:
    out: its folder.
    stores: model -> store of its predictions on the compared images.
    examples: the compared examples.
    baseline: model to which others are compared.
    num_examples: number of images to draw from a dataset; None for all.
    seed: seed of all randomness.
    level: level of intervals.
  """

  out: pathlib.Path
  stores: Mapping[str, PredictionStore]
  examples: LoadedExamples
  baseline: str
  num_examples: int | None
  seed: int
  level: float

  def require_models(self, what: str) -> None:
    """Checks that all models can be evaluated on other images.

    Raises:
      ValueError: a model consists of stored outputs.
    """
    for name, store in self.stores.items():
      if store.model.kind == "stored outputs":
        raise ValueError(
          f"'{name}' has stored outputs only, and {what} are other images: "
          "expected models that can be evaluated."
        )

  def missing(self, case: str) -> list[PredictionStore]:
    """Returns the stores that have no predictions of a case."""
    stores = self.stores.values()
    return [store for store in stores if store.find(case) is None]

  def predict(
    self,
    case: str,
    views: Iterable[tuple[Sequence[int], np.ndarray]],
    interrupted: Callable[[], bool],
  ) -> bool:
    """Evaluates the models that lack a case, and stores the predicted classes.

    Args:
      case: name of the case.
      views: pairs of rows `[M]` of the compared images and uint8 `[M, H, W,
        C]`, the images as seen by the models.
      interrupted: checked before every batch.

    Returns:
      Whether all predictions are stored; False if interrupted, with earlier
      outputs stored.

    Raises:
      ModelFailed: a model fails.
    """
    missing = self.missing(case)
    batches = self._batches(case, views)
    found = predict_in_batches(missing, case, batches, interrupted)
    if found is None:
      return False
    num_classes = len(self.examples.class_names)
    for store, classes in zip(missing, found, strict=True):
      store.save_predictions(case, only_classes(classes, num_classes))
    return True

  def _batches(self, case: str, views):
    """Yields batches as `predict_in_batches` takes them."""
    for rows, pixels in views:
      size = batch_size(pixels.shape[1:])
      for start in range(0, len(rows), size):
        part = rows[start : start + size], pixels[start : start + size]
        yield len(part[0]), functools.partial(self._predict_batch, case, *part)

  def _predict_batch(
    self, case: str, rows, pixels, store: PredictionStore, known: int
  ):
    rest = rows[known:], pixels[known:]
    return predict_classes(store, case, self.examples, *rest)


class Dependency(NamedTuple):
  """A store of predictions, its images, and its cases beside the clean one."""

  store: PredictionStore
  images: LoadedExamples
  cases: Sequence[Case] = ()


class TestRun(Protocol):
  """An extra test in one comparison, run step by step.

  Attributes:
    steps: names of the steps, whose predictions are stored one by one.
    dependencies: predictions on other images, which are deleted where a model
      has changed. Those of `Context.stores` need not be listed.
  """

  steps: Sequence[str]
  dependencies: Sequence[Dependency]

  def is_done(self, step: str) -> bool:
    """Returns whether the predictions of all models are stored."""

  def run(self, step: str, interrupted: Callable[[], bool]) -> bool:
    """Evaluates the models whose predictions are missing.

    Returns False if interrupted, which is checked after every batch.

    Raises:
      ModelFailed: a model fails.
    """

  def report(self) -> Any:
    """Returns plain values for `report.json`, after all steps."""


class ExtraTest(Protocol):
  """Protocol of the classes in the modules of `comparison.extra_tests`.

  The result of `report` is stored in `report.json` under the name of the test,
  and shown by `templates/extra_tests/<name>.html`, in the same context as
  `compare.html`. `experiments.compare.command` creates tests from flags.

  Attributes:
    name: name of the module.
    empty: value in `report.json` where the test is not requested.
  """

  @property
  def name(self) -> str: ...

  @property
  def empty(self) -> Any: ...

  def start(self, context: Context) -> TestRun:
    """Prepares a run before any model is evaluated.

    Raises:
      ValueError: the test does not fit the data or the models.
    """

  def table(self, found: Any) -> rich.table.Table:
    """Returns a table of the report for the terminal."""
