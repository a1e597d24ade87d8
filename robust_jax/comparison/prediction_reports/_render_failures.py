"""Rendering of a failure: an example, and the predictions of all models."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from robust_jax.comparison.cases import Case
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.prediction_kinds.classes import ClassPredictions
from robust_jax.comparison.prediction_reports.base import Failure
from robust_jax.comparison.run_predictions import view


def render_failure(
  failure: Failure,
  model: ComparedModel,
  examples: LoadedExamples,
  case: Case,
  predictions: Mapping[str, Mapping[str, ClassPredictions]],
  seed: int,
) -> dict[str, Any]:
  """Returns a failure as its template shows it."""
  row = failure.row
  group, place = examples.find(row)
  part = slice(place, place + 1)
  truth = None if examples.labels is None else int(examples.labels[row])
  rows: list[dict[str, Any]] = []
  for name, of_model in predictions.items():
    clean, after = of_model[CLEAN], of_model[case.name]
    expected = clean.classes[row] if truth is None else truth
    rows.append(
      {
        "model": name,
        "clean": _prediction(clean, row, expected, examples.class_names),
        "changed": _prediction(after, row, expected, examples.class_names),
      }
    )
  failing = [r["model"] for r in rows if not r["changed"]["correct"]]
  return {
    "id": examples.ids[row],
    "truth": None if truth is None else examples.class_names[truth],
    "transformation": case.transformation.name,
    "family": case.condition.family,
    "label": case.label,
    "of_model": case.transformation.of_model,
    **examples.kind.show(
      group.inputs[place],
      view(examples, group, part, case, seed, model)[0],
    ),
    "predictions": rows,
    "failing": failing,
  }


def _prediction(given, row, expected, class_names) -> dict[str, Any]:
  found, confidence = int(given.classes[row]), float(given.confidences[row])
  return {
    "name": class_names[found] if found >= 0 else "no prediction",
    "confidence": None if np.isnan(confidence) else 100 * confidence,
    "correct": found >= 0 and found == expected,
  }
