"""Results of models on a natural shift dataset."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from robust_jax.comparison.extra_tests._load_natural_shift import NaturalShift
from robust_jax.comparison.load_examples import LoadedExamples, counts
from robust_jax.comparison.prediction_kinds.classes import ClassPredictions
from robust_jax.comparison.report.compare_pairs import compare_pairs
from robust_jax.statistics.label_sets import (
  multilabel_accuracy,
  subset_accuracy,
)
from robust_jax.statistics.outlier_detection import outlier_detection
from robust_jax.statistics.prediction_stability import flip_probability
from robust_jax.statistics.proportions import mean_proportion

ACCURACY = "accuracy"
FLIPS = "flip probability"
OUTLIERS = "outlier detection"


def measure(found: NaturalShift) -> str:
  """Returns the measure of a dataset: `ACCURACY`, `FLIPS` or `OUTLIERS`."""
  if found.frames > 1:
    return FLIPS
  unlabeled = found.images.labels is None and found.label_sets is None
  return OUTLIERS if unlabeled else ACCURACY


def rows_of_classes(found: NaturalShift, images: LoadedExamples) -> np.ndarray:
  """Returns rows `[M]` of the compared images whose label is in the dataset."""
  if images.labels is None:
    return np.zeros(0, int)
  if found.classes is None:
    return np.arange(len(images.ids))
  return np.flatnonzero(np.isin(images.labels, found.classes))


def shift_results(
  found: NaturalShift,
  predictions: Mapping[str, ClassPredictions],
  clean: Mapping[str, ClassPredictions],
  images: LoadedExamples,
  level: float,
  seed: int,
  tables: int,
) -> dict[str, Any]:
  """Returns a row of `report.json`; see `docs/compare.md`.

  Args:
    found: the natural shift dataset.
    predictions: model -> predictions on it.
    clean: model -> predictions on the compared images.
    images: the compared images.
    level: level of intervals; all differences hold jointly at it.
    seed: seed of the bootstrap.
    tables: number of datasets for which differences are tested.
  """
  kind = measure(found)
  if kind == OUTLIERS:
    values: dict[str, np.ndarray] = {}
    results: dict[str, dict[str, Any]] = {
      name: {"outliers": _outliers(found, one, clean[name], images)}
      for name, one in predictions.items()
    }
  else:
    values = {name: _values(found, one) for name, one in predictions.items()}
    results = {
      name: {
        kind.replace(" ", "_"): dataclasses.asdict(
          mean_proportion(one, level=level, seed=seed)
        )
      }
      for name, one in values.items()
    }
  if kind == ACCURACY:
    for name, result in results.items():
      result["clean"] = _clean(found, clean[name], images)
      result["restricted"] = _is_restricted(found, predictions[name])
  return {
    "name": found.title,
    "measure": kind,
    "images": len(found.images.ids),
    "frames": found.frames,
    "available": found.images.available,
    "classes": len(found.classes or found.images.class_names),
    "problem_counts": found.images.problem_counts,
    "left_out_counts": counts(p.kind for p in found.images.left_out),
    "change_counts": counts(c.kind for c in found.images.changes),
    "digest": found.images.digest,
    "models": {
      name: {"missing": predictions[name].missing, **result}
      for name, result in results.items()
    },
    "comparisons": compare_pairs(
      values,
      f"{kind} on {found.title}",
      less_is_better=kind == FLIPS,
      level=level,
      seed=seed,
      tables=tables,
    ),
  }


def _values(found: NaturalShift, given: ClassPredictions) -> np.ndarray:
  """Returns for each image if it is correct, or for each sequence its flips."""
  if found.frames > 1:
    frames = given.classes.reshape(-1, found.frames)
    return flip_probability(frames, noise=found.noise)
  if found.label_sets is not None:
    return multilabel_accuracy(given.classes, found.label_sets)
  return _correct(found, given, slice(None), found.images.labels)


def _correct(found, given, rows, labels) -> np.ndarray:
  if not _is_restricted(found, given):
    return given.classes[rows] == labels
  correct = subset_accuracy(given.probabilities[rows], labels, found.classes)
  # Without a prediction, probabilities are all 0.
  return correct & (given.classes[rows] >= 0)


def _is_restricted(found, given) -> bool:
  """Returns whether to predict among the dataset's classes; needs scores."""
  return found.classes is not None and len(given.probabilities) > 0


def _clean(found, given, images) -> float | None:
  """Returns the accuracy on compared images of these classes, in percent."""
  rows = rows_of_classes(found, images)
  if not len(rows):
    return None
  return 100 * float(_correct(found, given, rows, images.labels[rows]).mean())


def _outliers(found, given, clean, images) -> dict[str, float] | None:
  """Returns metrics in percent; None for models that return classes."""
  known = rows_of_classes(found, images)
  known = known[clean.classes[known] >= 0]
  unknown = np.flatnonzero(given.classes >= 0)
  if not len(given.probabilities) or not len(known) or not len(unknown):
    return None
  scores = (
    -_confidence(found, one, rows)
    for one, rows in ((clean, known), (given, unknown))
  )
  detection = dataclasses.asdict(outlier_detection(*scores))
  return {name: 100 * value for name, value in detection.items()}


def _confidence(found, given, rows) -> np.ndarray:
  """Returns the largest probability among the dataset's classes, renormalized.

  If all of these probabilities are 0 it is that of a uniform distribution.
  """
  among = given.probabilities[rows]
  if found.classes is not None:
    among = among[:, found.classes]
  total = among.sum(axis=1)
  least = np.full(len(among), 1 / among.shape[1])
  return np.divide(among.max(axis=1), total, out=least, where=total > 0)
