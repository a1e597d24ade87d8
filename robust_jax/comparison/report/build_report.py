"""The report of a comparison as plain values."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from robust_jax import lookup
from robust_jax.comparison.cases import Cases
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.prediction_kinds.base import Predictions
from robust_jax.comparison.prediction_reports.base import (
  PREDICTION_REPORTS,
  Measured,
  PredictionReport,
)
from robust_jax.comparison.report.data_report import data_report
from robust_jax.comparison.report.recommendation import Results, recommendation
from robust_jax.comparison.report.trained_families import trained_families
from robust_jax.comparison.run_predictions import count_altered

SCHEMA = "robust_jax.compare/3"


class Compared(NamedTuple):
  """Results of a comparison.

  Attributes:
    measured: statistics of the predictions.
    report: content of `report.json`; see `docs/compare.md`.
  """

  measured: Measured
  report: dict[str, Any]


def report_of(examples: LoadedExamples) -> PredictionReport:
  """Returns the report of the kind of predictions of these examples."""
  return lookup.find(PREDICTION_REPORTS, examples.kind.predictions.name)()


def comparison_report(
  models: Mapping[str, ComparedModel],
  predictions: Mapping[str, Mapping[str, Predictions]],
  examples: LoadedExamples,
  cases: Cases,
  *,
  baseline: str,
  milliseconds: Mapping[str, float],
  seed: int = 0,
  level: float = 0.95,
) -> Compared:
  """Computes risks, comparisons, a recommendation and more.

  Args:
    models: models by name.
    predictions: model -> name of the case -> predictions.
    examples: the examples.
    cases: the cases.
    baseline: model relative to which corruption errors are reported.
    milliseconds: time per example, where it is known.
    seed: seed of the bootstrap.
    level: level of the intervals of risks; all differences hold jointly at it.

  Returns:
    A `Compared`.

  Raises:
    ValueError: a model is right about no clean example.
  """
  kind = report_of(examples)
  measured = kind.measure(
    predictions, examples, cases, baseline=baseline, level=level, seed=seed
  )
  described = {
    name: {
      **_describe(model, predictions[name], examples),
      "milliseconds": milliseconds.get(name),
      "risk": dataclasses.asdict(measured.risks[name]),
      "accuracy": _accuracy(measured, name),
      **measured.of_models[name],
    }
    for name, model in models.items()
  }
  advice = recommendation(
    Results(
      measured.risks,
      measured.comparisons,
      measured.coverage,
      measured.accuracies,
      examples.class_names,
      measured.identical,
      kind.words,
    )
  )
  report = {
    "schema": SCHEMA,
    "seed": seed,
    "level": level,
    "data": data_report(examples),
    "models": described,
    "families": cases.about,
    "changes_left_out": cases.left_out,
    "conditions": [
      dataclasses.asdict(case.condition)
      | {"label": case.label, "name": case.name, "altered": altered}
      for case, altered in zip(
        cases.cases,
        count_altered(examples, cases.cases, seed, models[baseline]),
        strict=True,
      )
    ],
    "transformations_version": cases.version,
    "recommendation": dataclasses.asdict(advice),
    "identical": measured.identical,
    "words": kind.words._asdict(),
    "comparisons": [dataclasses.asdict(c) for c in measured.comparisons],
    "trained_families": trained_families(
      models, measured.comparisons, baseline
    ),
    **measured.report,
  }
  return Compared(measured, report)


def _accuracy(measured, name):
  """Returns the accuracy on clean and on changed examples, if it is known."""
  if name not in measured.accuracies:
    return None
  clean, changed = measured.accuracies[name]
  return {"clean": clean, "changed": changed}


def _describe(model, predictions, examples):
  """Returns the model and the kind of its outputs."""
  return {
    "source": model.source,
    "kind": model.kind,
    "identity": model.identity,
    "output_kind": predictions[CLEAN].kind,
    "output_meaning": _meaning(model, predictions[CLEAN].kind, examples),
    "warnings": _warnings(model, predictions, examples),
    "missing": _missing(predictions),
    "parameters": model.parameters,
    "computed_in": model.computed_in,
  }


def _meaning(model, kind, examples):
  """Returns the interpretation of the outputs, and where it comes from."""
  meanings = examples.kind.predictions.meanings
  if model.kind == "run" or len(meanings) == 1:
    return meanings[kind]
  known = "detected" if model.output_kind is None else "as declared"
  return f"{meanings[kind]} ({known})"


def _warnings(model, predictions, examples) -> list[str]:
  """Returns warnings on a model's inputs and outputs."""
  found = model.warn([x for group in examples.groups for x in group.inputs])
  unknown = sorted({n for given in predictions.values() for n in given.unknown})
  if not unknown:
    return found
  more = ", ..." if len(unknown) > 8 else ""
  return [
    *found,
    f"It predicts classes ({', '.join(map(str, unknown[:8]))}{more}) that the "
    f"data, with classes 0 to {len(examples.class_names) - 1}, lack: these "
    "predictions count as wrong. If the data lack some of its classes, name "
    "all of them in its order (--class_names).",
  ]


def _missing(predictions):
  """Returns the number of examples without a prediction, by case."""
  counts = {case: given.missing for case, given in predictions.items()}
  return {case: count for case, count in counts.items() if count}
