"""A section of a comparison: another test, beside the families of changes."""

import functools
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import rich.table

from robust_jax.comparison.cases import Case
from robust_jax.comparison.load_images import LoadedImages, batch_size
from robust_jax.comparison.predict_with_model import in_batches, predict_classes
from robust_jax.comparison.prediction_store import PredictionStore

SECTIONS = "comparison.extra_tests"
"""Where `lookup` finds them."""


class Context(NamedTuple):
  """The comparison that a section is of.

  Attributes:
    out: its folder.
    kept: model -> its answers to the images that are compared.
    images: those.
    baseline: the model that others are measured by.
    num_examples: how many images are drawn of a dataset; None is all.
    seed: of all randomness.
    level: of intervals.
  """

  out: pathlib.Path
  kept: Mapping[str, PredictionStore]
  images: LoadedImages
  baseline: str
  num_examples: int | None
  seed: int
  level: float

  def need_models(self, what: str) -> None:
    """That all of them can be asked about `what`, which are other images.

    Raises:
      ValueError: one is stored answers.
    """
    for name, kept in self.kept.items():
      if kept.model.kind == "stored answers":
        raise ValueError(
          f"'{name}' is stored answers, and {what} are other images: expected "
          "models that can be asked."
        )

  def missing(self, case: str) -> list[PredictionStore]:
    """Of the models that have not answered in this case."""
    kept = self.kept.values()
    return [one for one in kept if one.read(case) is None]

  def ask(
    self,
    case: str,
    views: Iterable[tuple[Sequence[int], np.ndarray]],
    interrupted: Callable[[], bool],
  ) -> bool:
    """Asks the models that lack a case, and keeps the classes they answer.

    Args:
      case: its name.
      views: rows `[M]` of the compared images, and uint8 `[M, H, W, C]`, what
        models see of them; as many pairs as there are batches.
      interrupted: asked before every batch.

    Returns:
      Whether all is there; False if interrupted. What was answered is kept.

    Raises:
      ModelFailed: one does.
    """
    missing = self.missing(case)
    batches = self._batches(case, views)
    found = in_batches(missing, case, batches, interrupted)
    if found is None:
      return False
    for one, classes in zip(missing, found, strict=True):
      one.write_classes(case, classes)
    return True

  def _batches(self, case: str, views):
    """Views cut into batches, as `in_batches` takes them."""
    for rows, pixels in views:
      size = batch_size(pixels.shape[1:])
      for start in range(0, len(rows), size):
        part = rows[start : start + size], pixels[start : start + size]
        yield len(part[0]), functools.partial(self._ask_batch, case, *part)

  def _ask_batch(
    self, case: str, rows, pixels, one: PredictionStore, known: int
  ):
    return predict_classes(one, case, self.images, rows[known:], pixels[known:])


class Dependency(NamedTuple):
  """Answers to some images, the images, and cases beside the clean ones."""

  kept: PredictionStore
  images: LoadedImages
  cases: Sequence[Case] = ()


class TestRun(Protocol):
  """What a section asks in one comparison, step by step.

  Attributes:
    steps: their names; what is answered is kept step by step.
    dependencies: answers to images of its own, which are dropped where a model
      has changed. Those of `Context.kept` are dependencies already.
  """

  steps: Sequence[str]
  dependencies: Sequence[Dependency]

  def answered(self, step: str) -> bool:
    """Whether all models have answered."""

  def ask(self, step: str, interrupted: Callable[[], bool]) -> bool:
    """Asks those that have not; False if interrupted before that was done.

    `interrupted` is asked after every batch.

    Raises:
      ModelFailed: one does.
    """

  def report(self) -> Any:
    """Plain values for `report.json`, when all is answered."""


class ExtraTest(Protocol):
  """Each module of `comparison.extra_tests` has one such class of its name.

  What `report` returns is under that name in `report.json`, and is shown by
  `templates/sections/<name>.html`, which sees what `compare.html` sees. A flag
  of `experiments.compare.command` makes one.

  Attributes:
    name: of the module.
    nothing: what stands in `report.json` where nobody asks for the section.
  """

  name: str
  nothing: Any

  def start(self, setting: Context) -> TestRun:
    """Looks at all that it needs, before any model is asked.

    Raises:
      ValueError: it does not fit the data or the models.
    """

  def table(self, found: Any) -> rich.table.Table:
    """What `report` returned, for the terminal."""
