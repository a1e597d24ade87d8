"""What models' answers to a natural shift set amount to."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from robust_jax.comparison.extra_tests._load_natural_shift import NaturalShift
from robust_jax.comparison.load_images import LoadedImages, counts
from robust_jax.comparison.prediction_store import CasePredictions
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
  """What a set can tell: `ACCURACY`, `FLIPS` or `OUTLIERS`."""
  if found.frames > 1:
    return FLIPS
  unlabeled = found.images.labels is None and found.label_sets is None
  return OUTLIERS if unlabeled else ACCURACY


def of_its_classes(found: NaturalShift, images: LoadedImages) -> np.ndarray:
  """Rows `[M]` of the compared images whose label competes in the set."""
  if images.labels is None:
    return np.zeros(0, int)
  if found.classes is None:
    return np.arange(len(images.ids))
  return np.flatnonzero(np.isin(images.labels, found.classes))


def shift_results(
  found: NaturalShift,
  reads: Mapping[str, CasePredictions],
  clean: Mapping[str, CasePredictions],
  images: LoadedImages,
  level: float,
  seed: int,
  tables: int,
) -> dict[str, Any]:
  """A row of `report.json`; `docs/compare.md` describes it.

  Args:
    found: the set.
    reads: model -> its answers to it.
    clean: model -> its answers to the images that are compared.
    images: those.
    level: of intervals; all differences hold together with it.
    seed: of the bootstrap.
    tables: how many sets differences are told of.
  """
  kind = measure(found)
  if kind == OUTLIERS:
    values = {}
    results = {
      name: {"outliers": _outliers(found, read, clean[name], images)}
      for name, read in reads.items()
    }
  else:
    values = {name: _values(found, read) for name, read in reads.items()}
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
      result["restricted"] = _is_restricted(found, reads[name])
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
      name: {"missing": reads[name].missing, **result}
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


def _values(found: NaturalShift, read: CasePredictions) -> np.ndarray:
  """Of each image whether it is right, of each sequence how often it flips."""
  if found.frames > 1:
    frames = read.classes.reshape(-1, found.frames)
    return flip_probability(frames, noise=found.noise)
  if found.label_sets is not None:
    return multilabel_accuracy(read.classes, found.label_sets)
  return _right(found, read, slice(None), found.images.labels)


def _right(found, read, rows, labels) -> np.ndarray:
  if not _is_restricted(found, read):
    return read.classes[rows] == labels
  right = subset_accuracy(read.probabilities[rows], labels, found.classes)
  # Where there is no answer, probabilities are all 0.
  return right & (read.classes[rows] >= 0)


def _is_restricted(found, read) -> bool:
  """Whether the set's classes compete alone; of classes given, they cannot."""
  return found.classes is not None and len(read.probabilities) > 0


def _clean(found, read, images) -> float | None:
  """Accuracy on the compared images of the same classes, in percent."""
  rows = of_its_classes(found, images)
  if not len(rows):
    return None
  return 100 * float(_right(found, read, rows, images.labels[rows]).mean())


def _outliers(found, read, clean, images) -> dict[str, float] | None:
  """In percent; None of models that give classes alone."""
  known = of_its_classes(found, images)
  known = known[clean.classes[known] >= 0]
  unknown = np.flatnonzero(read.classes >= 0)
  if not len(read.probabilities) or not len(known) or not len(unknown):
    return None
  scores = (
    -_confidence(found, one, rows)
    for one, rows in ((clean, known), (read, unknown))
  )
  detection = dataclasses.asdict(outlier_detection(*scores))
  return {name: 100 * value for name, value in detection.items()}


def _confidence(found, read, rows) -> np.ndarray:
  """The largest probability among the set's classes, as if there were no more.

  A model that gives none of them anything knows nothing.
  """
  among = read.probabilities[rows]
  if found.classes is not None:
    among = among[:, found.classes]
  total = among.sum(axis=1)
  least = np.full(len(among), 1 / among.shape[1])
  return np.divide(among.max(axis=1), total, out=least, where=total > 0)
