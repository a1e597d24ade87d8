"""The report of a comparison as plain values."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from robust_jax.comparison.cases import Cases
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.prediction_kinds.classes import ClassPredictions
from robust_jax.comparison.predictors.read_outputs import MEANING
from robust_jax.comparison.report.agreement import agreement
from robust_jax.comparison.report.all_models import (
  all_coverage,
  all_pairs,
  identical_models,
)
from robust_jax.comparison.report.data_report import data_report
from robust_jax.comparison.report.pixel_shift_map import pixel_shift_map
from robust_jax.comparison.report.recommendation import Results, recommendation
from robust_jax.comparison.run_predictions import count_altered
from robust_jax.corruptions.suites import IMAGENET_C
from robust_jax.statistics.calibration import calibration
from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.mean_corruption_error import (
  Baseline,
  mean_corruption_error,
)
from robust_jax.statistics.outcomes import Outcomes, from_predictions
from robust_jax.statistics.risk import Risk, risk
from robust_jax.statistics.risk_by_slice import risk_by_slice

SCHEMA = "robust_jax.compare/3"


class Compared(NamedTuple):
  """Results of a comparison.

  Attributes:
    outcomes: outcomes of each model, by name.
    risks: risks of each model, by name.
    comparisons: comparisons of all pairs, at a level at which they hold
      jointly.
    report: content of `report.json`; see `docs/compare.md`.
  """

  outcomes: dict[str, Outcomes]
  risks: dict[str, Risk]
  comparisons: list[Comparison]
  report: dict[str, Any]


def comparison_report(
  models: Mapping[str, ComparedModel],
  predictions: Mapping[str, Mapping[str, ClassPredictions]],
  examples: LoadedExamples,
  cases: Cases,
  *,
  baseline: str,
  milliseconds: Mapping[str, float],
  seed: int = 0,
  level: float = 0.95,
) -> Compared:
  """Computes risks, comparisons, a recommendation, agreement and calibration.

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
    ValueError: a model classifies no clean example correctly.
  """
  outcomes = {
    name: _outcomes(of, examples, cases) for name, of in predictions.items()
  }
  risks = {
    name: risk(one, level=level, seed=seed) for name, one in outcomes.items()
  }
  comparisons = all_pairs(outcomes, level, seed)
  classes = {
    name: {case: given.classes for case, given in of.items()}
    for name, of in predictions.items()
  }
  clean = {name: of[CLEAN] for name, of in classes.items()}
  coverage = all_coverage(outcomes, clean, level, seed)
  identical = identical_models(classes)
  errors = _corruption_errors(outcomes, baseline)
  described = {
    name: {
      **_describe(model, predictions[name], examples),
      "milliseconds": milliseconds.get(name),
      "risk": dataclasses.asdict(risks[name]),
      "coverage": dataclasses.asdict(coverage[name]),
      "classes": _slices(outcomes[name], examples, level, seed),
      "calibration": _calibration(predictions[name][CLEAN], examples),
      "corruption_error": errors.get(name),
    }
    for name, model in models.items()
  }
  advice = recommendation(
    Results(
      risks,
      comparisons,
      coverage,
      _accuracies(risks),
      examples.class_names,
      identical,
      examples.kind.predictions.words,
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
    "identical": identical,
    "comparisons": [dataclasses.asdict(c) for c in comparisons],
    "agreement": [_agreement(c, outcomes, classes, cases) for c in comparisons],
    "shift_maps": [m for m in [pixel_shift_map(classes)] if m is not None],
  }
  return Compared(outcomes, risks, comparisons, report)


def _accuracies(risks):
  """Returns clean and changed accuracy of each model; none without labels."""
  return {
    name: (found.clean_accuracy, found.overall.accuracy)
    for name, found in risks.items()
    if found.labeled
  }


def _describe(model, predictions, examples):
  """Returns the model and the kind of its outputs."""
  return {
    "source": model.source,
    "kind": model.kind,
    "identity": model.identity,
    "output_kind": predictions[CLEAN].kind,
    "output_meaning": _meaning(model, predictions[CLEAN].kind),
    "warnings": _warnings(model, predictions, examples),
    "missing": _missing(predictions),
    "parameters": model.parameters,
    "computed_in": model.computed_in,
  }


def _agreement(pair, outcomes, classes, cases):
  names = pair.a, pair.b
  arrays = tuple(_arrays(classes[name], cases) for name in names)
  found = agreement(*(outcomes[name] for name in names), arrays, pair)
  return dataclasses.asdict(found)


def _outcomes(predictions, examples, cases):
  clean, transformed = _arrays(
    {case: given.classes for case, given in predictions.items()}, cases
  )
  conditions = [case.condition for case in cases.cases]
  return from_predictions(
    examples.ids, clean, transformed, conditions, examples.labels
  )


def _arrays(classes, cases):
  transformed = [classes[case.name] for case in cases.cases]
  return classes[CLEAN], np.stack(transformed, axis=1)


def _meaning(model, kind):
  """Returns the interpretation of the outputs, and where it comes from."""
  if model.kind == "run":
    return MEANING[kind]
  known = "detected" if model.output_kind is None else "as declared"
  return f"{MEANING[kind]} ({known})"


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


def _slices(outcomes, examples, level, seed):
  if examples.labels is None:
    return None
  slices = risk_by_slice(outcomes, examples.labels, level=level, seed=seed)
  return [
    dataclasses.asdict(s) | {"name": examples.class_names[s.name]}
    for s in slices
  ]


def _calibration(clean, examples):
  """Returns the calibration on examples with a prediction; None for classes."""
  if examples.labels is None or not len(clean.probabilities):
    return None
  valid = clean.classes >= 0
  found = calibration(
    clean.probabilities[valid], examples.labels[valid], distribution=False
  )
  return dataclasses.asdict(found)


def _corruption_errors(outcomes, baseline):
  """Returns the errors of each model, if all corruptions were evaluated."""
  if not outcomes[baseline].labeled:
    return {}
  errors = {name: _errors(one) for name, one in outcomes.items()}
  if any(set(found) != set(IMAGENET_C) for found in errors.values()):
    return {}
  clean = {name: 1 - float(o.clean.mean()) for name, o in outcomes.items()}
  reference = Baseline(baseline, errors[baseline], clean[baseline])
  return {
    name: dataclasses.asdict(
      mean_corruption_error(found, clean[name], reference)
    )
    for name, found in errors.items()
  }


def _errors(outcomes):
  """Returns corruption -> error at each of its severities, in [0, 1]."""
  error = 1 - outcomes.transformed.mean(axis=0)
  found: dict[str, list[float]] = {}
  for c, value in zip(outcomes.conditions, error, strict=True):
    # MNIST-C has corruptions of the same names, at one severity.
    if c.transformation in IMAGENET_C and c.family != "mnist_c":
      found.setdefault(c.transformation, []).append(float(value))
  return found
