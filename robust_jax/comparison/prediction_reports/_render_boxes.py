"""Rendering of images in which detectors lose objects."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robust_jax.boxes import Annotations, Detections, to_corner_and_size
from robust_jax.comparison.cases import Case
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.prediction_kinds.detections import (
  DetectionPredictions,
)
from robust_jax.comparison.prediction_reports.base import Failure
from robust_jax.comparison.run_predictions import view
from robust_jax.statistics.detection.found import operating_point
from robust_jax.statistics.detection.match import match


def render_boxes(
  failures: Mapping[str, Sequence[Failure]],
  models: Mapping[str, ComparedModel],
  examples: LoadedExamples,
  cases: Sequence[Case],
  predictions: Mapping[str, Mapping[str, DetectionPredictions]],
  seed: int,
) -> dict[str, list[dict[str, Any]]]:
  """Returns what the template shows; see `PredictionReport.render`."""
  drawn = _Drawn(examples, predictions, seed)
  return {
    name: [drawn.failure(one, models[name], cases[one.case]) for one in found]
    for name, found in failures.items()
  }


class _Drawn:
  """Images with the boxes that all models find at their own thresholds."""

  def __init__(self, examples, predictions, seed):
    self._examples, self._seed = examples, seed
    self._predictions = predictions
    self._thresholds = {
      name: _threshold(of[CLEAN], examples.truth)
      for name, of in predictions.items()
    }

  def failure(
    self, failure: Failure, model: ComparedModel, case: Case
  ) -> dict[str, Any]:
    examples = self._examples
    group, place = examples.find(failure.row)
    clean, part = group.inputs[place], slice(place, place + 1)
    changed = view(examples, group, part, case, self._seed, model)[0]
    of_models = {
      name: [
        self._boxes(name, key, failure.row, x.annotations)
        for key, x in ((CLEAN, clean), (case.name, changed))
      ]
      for name in self._predictions
    }
    before, after = of_models[model.name]
    return {
      "id": examples.ids[failure.row],
      "transformation": case.transformation.name,
      "label": case.label,
      **examples.kind.show(clean, changed),
      "before": before,
      "after": after,
      "predictions": [
        {"model": name, "clean": own["found"], "changed": other["found"]}
        for name, (own, other) in of_models.items()
      ],
    }

  def _boxes(self, name, key, row, annotations) -> dict[str, Any]:
    """Returns boxes to draw, and how many there are of each kind."""
    boxes = _boxes(
      annotations,
      self._predictions[name][key].images()[row],
      self._thresholds[name],
      self._examples.class_names,
    )
    kinds = [box["kind"] for box in boxes]
    counts = {kind: kinds.count(kind) for kind in ("found", "missed", "false")}
    return counts | {"boxes": boxes}


def _threshold(clean, truth) -> float:
  matches = map(match, truth, clean.images())
  return operating_point(list(matches)).threshold


def _boxes(
  annotations: Annotations,
  detections: Detections,
  threshold: float,
  names: Sequence[str],
) -> list[dict[str, Any]]:
  """Returns objects that are found and missed, and false detections."""
  matches = match(annotations, detections)
  matched = matches.matched[0, 0]
  above = matches.scores >= threshold
  found = np.isin(np.arange(len(annotations.classes)), matched[above])
  false = matches.order[above & (matched < 0) & ~matches.ignored[0, 0]]
  objects = [
    _box(box, "found" if hit else "missed", names[label])
    for box, label, hit in zip(
      annotations.boxes, annotations.classes, found, strict=True
    )
  ]
  keep = [
    box for box, one in zip(objects, matches.counted[0], strict=True) if one
  ]
  return keep + [
    _box(
      detections.boxes[i],
      "false",
      f"{names[detections.classes[i]]} {detections.scores[i]:.2f}",
    )
    for i in false
  ]


def _box(box, kind, title) -> dict[str, Any]:
  sides = [round(float(side), 1) for side in to_corner_and_size(box)]
  keys = ("x", "y", "width", "height")
  return dict(zip(keys, sides, strict=True)) | {"kind": kind, "title": title}
