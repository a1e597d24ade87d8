"""The protocol of reports of predictions."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from robust_jax.comparison.cases import Case, Cases
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import ComparedModel
from robust_jax.comparison.prediction_reports.words import Words
from robust_jax.statistics.class_coverage import ClassCoverage
from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.outcomes import Outcomes
from robust_jax.statistics.risk import Risk

PREDICTION_REPORTS = "comparison.prediction_reports"
"""The package in which `lookup` finds reports of predictions."""


class Measured(NamedTuple):
  """Statistics of the predictions of all models.

  Attributes:
    outcomes: outcomes of each model, by name.
    risks: risks of each model, by name.
    comparisons: comparisons of all pairs, at a level at which they hold
      jointly.
    coverage: class coverage of each model, by name.
    accuracies: model -> its accuracy on clean and on changed examples in
      percent; none without labels.
    identical: groups of models with equal predictions.
    of_models: model -> further plain values for its part of `report.json`.
    report: further plain values for `report.json`.
  """

  outcomes: dict[str, Outcomes]
  risks: dict[str, Risk]
  comparisons: list[Comparison]
  coverage: dict[str, ClassCoverage]
  accuracies: dict[str, tuple[float, float]]
  identical: list[list[str]]
  of_models: dict[str, dict[str, Any]]
  report: dict[str, Any]


class Failure(NamedTuple):
  """An example about which a model is wrong only when it is changed.

  Attributes:
    row: row of the example.
    case: index of the case.
  """

  row: int
  case: int


class PredictionReport(Protocol):
  """Protocol of the classes in the modules of `comparison.prediction_reports`.

  The page takes what differs from `templates/predictions/<name>.html`, where
  the name is that of the `PredictionKind`.

  Attributes:
    words: words of sentences.
  """

  @property
  def words(self) -> Words: ...

  def measure(
    self,
    predictions: Mapping[str, Mapping[str, Any]],
    examples: LoadedExamples,
    cases: Cases,
    *,
    baseline: str,
    level: float,
    seed: int,
  ) -> Measured:
    """Computes the statistics of a report.

    Args:
      predictions: model -> name of the case -> predictions.
      examples: the examples.
      cases: the cases.
      baseline: model relative to which corruption errors are reported.
      level: level of the intervals of risks; all differences hold jointly at
        it.
      seed: seed of the draws.

    Raises:
      ValueError: a model is right about no clean example.
    """

  def failures(
    self,
    outcomes: Outcomes,
    predictions: Mapping[str, Any],
    examples: LoadedExamples,
    cases: Sequence[Case],
  ) -> list[Failure]:
    """Selects the worst failures of a model.

    Args:
      outcomes: its outcomes.
      predictions: its predictions by the name of the case.
      examples: the examples.
      cases: the cases.
    """

  def render(
    self,
    failures: Mapping[str, Sequence[Failure]],
    models: Mapping[str, ComparedModel],
    examples: LoadedExamples,
    cases: Sequence[Case],
    predictions: Mapping[str, Mapping[str, Any]],
    seed: int,
  ) -> dict[str, list[dict[str, Any]]]:
    """Returns the failures of each model as the template shows them.

    Args:
      failures: model -> its failures.
      models: models by name.
      examples: the examples.
      cases: the cases.
      predictions: model -> name of the case -> predictions.
      seed: seed of the transformations.
    """
