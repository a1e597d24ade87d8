"""Rendering of the failure gallery: images and predictions of all models."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robust_jax.comparison.cases import Case
from robust_jax.comparison.load_images import LoadedImages
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.prediction_store import CasePredictions
from robust_jax.comparison.report.failure_gallery import Failure
from robust_jax.comparison.run_predictions import view

# Pixels of the longer side: up to which images are PNG, and the largest.
_SMALL, _LARGEST = 96, 224


def render_failures(
  failures: Sequence[Failure],
  model: ComparedModel,
  images: LoadedImages,
  cases: Sequence[Case],
  predictions: Mapping[str, Mapping[str, CasePredictions]],
  seed: int,
) -> list[dict[str, Any]]:
  """Returns a dictionary for each failure, as input of the template.

  Args:
    failures: failures from `failure_gallery`.
    model: the model that fails.
    images: the images.
    cases: the cases.
    predictions: model -> name of the case -> predictions.
    seed: seed of the transformations.
  """
  return [
    _render(failure, model, images, cases[failure.case], predictions, seed)
    for failure in failures
  ]


def _render(failure, model, images, case, predictions, seed) -> dict[str, Any]:
  row = failure.row
  group, place = images.find(row)
  part = slice(place, place + 1)
  truth = None if images.labels is None else int(images.labels[row])
  rows: list[dict[str, Any]] = []
  for name, of_model in predictions.items():
    clean, after = of_model[CLEAN], of_model[case.name]
    expected = clean.classes[row] if truth is None else truth
    rows.append(
      {
        "model": name,
        "clean": _prediction(clean, row, expected, images.class_names),
        "changed": _prediction(after, row, expected, images.class_names),
      }
    )
  failing = [r["model"] for r in rows if not r["changed"]["correct"]]
  return {
    "id": images.ids[row],
    "truth": None if truth is None else images.class_names[truth],
    "transformation": case.transformation.name,
    "family": case.condition.family,
    "label": case.label,
    "of_model": case.transformation.of_model,
    "clean": data_url(group.pixels[place]),
    "changed": data_url(view(images, group, part, case, seed, model)[0]),
    "small": max(group.pixels.shape[1:3]) <= _SMALL,
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


def data_url(image: np.ndarray) -> str:
  """Encodes an image uint8 `[H, W, C]` as a data URL.

  Small images are PNG, exactly as evaluated. Large ones would take megabytes,
  so they are reduced and JPEG.
  """
  import PIL.Image

  gray = image.shape[-1] == 1
  picture = PIL.Image.fromarray(image[..., 0] if gray else image)
  kind = "png"
  options: dict[str, Any] = {"optimize": True}
  if max(picture.size) > _SMALL:
    picture.thumbnail((_LARGEST, _LARGEST))
    kind, options = "jpeg", {"quality": 92}
  file = io.BytesIO()
  picture.save(file, kind, **options)
  text = base64.b64encode(file.getvalue()).decode()
  return f"data:image/{kind};base64,{text}"
