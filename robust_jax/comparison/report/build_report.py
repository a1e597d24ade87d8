"""All that is known of models that were compared, as plain values."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from robust_jax.comparison.cases import Cases
from robust_jax.comparison.load_images import LoadedImages
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.prediction_store import CasePredictions
from robust_jax.comparison.predictors.read_outputs import MEANING
from robust_jax.comparison.report.agreement import agreement
from robust_jax.comparison.report.all_models import (
  all_coverage,
  all_pairs,
  identical_models,
)
from robust_jax.comparison.report.data_report import data_report
from robust_jax.comparison.report.pixel_shift_map import pixel_shift_map
from robust_jax.comparison.report.recommendation import recommendation
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

SCHEMA = "robust_jax.compare/1"


class Compared(NamedTuple):
  """What the answers of all models amount to.

  Attributes:
    outcomes: of each model, by name.
    risks: likewise.
    comparisons: of all pairs, at a level at which they hold together.
    report: all of it for `report.json`; `docs/compare.md` describes it.
  """

  outcomes: dict[str, Outcomes]
  risks: dict[str, Risk]
  comparisons: list[Comparison]
  report: dict[str, Any]


def comparison_report(
  models: Mapping[str, ComparedModel],
  reads: Mapping[str, Mapping[str, CasePredictions]],
  images: LoadedImages,
  catalogue: Cases,
  *,
  baseline: str,
  milliseconds: Mapping[str, float],
  seed: int = 0,
  level: float = 0.95,
) -> Compared:
  """Risks, differences, a recommendation, classes, agreement, calibration.

  Args:
    models: the models, by name.
    reads: model -> name of the case -> its answers.
    images: what they answered.
    catalogue: under which cases.
    baseline: the model that corruption errors are divided by.
    milliseconds: per image, of models of which they are known.
    seed: of the bootstrap.
    level: of intervals of risks; all differences hold together with it.

  Raises:
    ValueError: a model is right about no image as it is.
  """
  outcomes = {name: _outcomes(reads[name], images, catalogue) for name in reads}
  risks = {
    name: risk(one, level=level, seed=seed) for name, one in outcomes.items()
  }
  comparisons = all_pairs(outcomes, level, seed)
  classes = {
    name: {case: read.classes for case, read in of.items()}
    for name, of in reads.items()
  }
  coverage = all_coverage(
    outcomes,
    {name: answers[CLEAN] for name, answers in classes.items()},
    level,
    seed,
  )
  identical = identical_models(classes)
  errors = _corruption_errors(outcomes, baseline)
  described = {
    name: {
      **_asked(model, reads[name], images),
      "milliseconds": milliseconds.get(name),
      "risk": dataclasses.asdict(risks[name]),
      "coverage": dataclasses.asdict(coverage[name]),
      "classes": _slices(outcomes[name], images, level, seed),
      "calibration": _calibration(reads[name][CLEAN], images),
      "corruption_error": errors.get(name),
    }
    for name, model in models.items()
  }
  advice = recommendation(
    risks, comparisons, coverage, images.class_names, identical
  )
  report = {
    "schema": SCHEMA,
    "seed": seed,
    "level": level,
    "data": data_report(images),
    "models": described,
    "families": catalogue.about,
    "conditions": [
      dataclasses.asdict(case.condition)
      | {"label": case.label, "name": case.name}
      for case in catalogue.cases
    ],
    "transformations_version": catalogue.version,
    "recommendation": dataclasses.asdict(advice),
    "identical": identical,
    "comparisons": [dataclasses.asdict(c) for c in comparisons],
    "agreement": [
      _agreement(c, outcomes, classes, catalogue) for c in comparisons
    ],
    "shift_maps": [m for m in [pixel_shift_map(classes)] if m is not None],
  }
  return Compared(outcomes, risks, comparisons, report)


def _asked(model, reads, images):
  """The model and the kind of its answers."""
  return {
    "source": model.source,
    "kind": model.kind,
    "identity": model.identity,
    "answers": reads[CLEAN].kind,
    "answers_meaning": _meaning(model, reads[CLEAN].kind),
    "warnings": _warnings(reads, images),
    "missing": _missing(reads),
    "parameters": model.parameters,
    "computed_in": model.computed_in,
  }


def _agreement(pair, outcomes, classes, catalogue):
  names = pair.a, pair.b
  answers = tuple(_arrays(classes[name], catalogue) for name in names)
  found = agreement(*(outcomes[name] for name in names), answers, pair)
  return dataclasses.asdict(found)


def _outcomes(reads, images, catalogue):
  clean, transformed = _arrays(
    {case: read.classes for case, read in reads.items()}, catalogue
  )
  conditions = [case.condition for case in catalogue.cases]
  return from_predictions(
    images.ids, clean, transformed, conditions, images.labels
  )


def _arrays(classes, catalogue):
  transformed = [classes[case.name] for case in catalogue.cases]
  return classes[CLEAN], np.stack(transformed, axis=1)


def _meaning(model, kind):
  """What the answers are taken for, and on whose word."""
  if model.kind == "run":
    return MEANING[kind]
  known = "as it was recognized" if model.declared is None else "as you say"
  return f"{MEANING[kind]} ({known})"


def _warnings(reads, images) -> list[str]:
  """What is wrong with a model's answers, in sentences."""
  unknown = sorted({n for read in reads.values() for n in read.unknown})
  if not unknown:
    return []
  more = ", ..." if len(unknown) > 8 else ""
  return [
    f"It answers classes ({', '.join(map(str, unknown[:8]))}{more}) that the "
    f"data, with classes 0 to {len(images.class_names) - 1}, lack: these "
    "answers count as wrong. If the data lack some of its classes, name all of "
    "them in its order (--class_names)."
  ]


def _missing(reads):
  """Images without an answer, by case; cases without such left out."""
  counts = {case: read.missing for case, read in reads.items()}
  return {case: count for case, count in counts.items() if count}


def _slices(outcomes, images, level, seed):
  if images.labels is None:
    return None
  slices = risk_by_slice(outcomes, images.labels, level=level, seed=seed)
  return [
    dataclasses.asdict(s) | {"name": images.class_names[s.name]} for s in slices
  ]


def _calibration(clean, images):
  """Of images with an answer; None of models that give classes alone."""
  if images.labels is None or not len(clean.probabilities):
    return None
  answered = clean.classes >= 0
  found = calibration(
    clean.probabilities[answered], images.labels[answered], distribution=False
  )
  return dataclasses.asdict(found)


def _corruption_errors(outcomes, baseline):
  """Of each model, where ImageNet-C's fifteen were all asked about."""
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
  """Corruption -> error at each of its severities, in [0, 1]."""
  error = 1 - outcomes.transformed.mean(axis=0)
  found: dict[str, list[float]] = {}
  for c, value in zip(outcomes.conditions, error, strict=True):
    # MNIST-C has some of the same names, at one strength.
    if c.transformation in IMAGENET_C and c.family != "mnist_c":
      found.setdefault(c.transformation, []).append(float(value))
  return found
