"""Failures as a page shows them: two pictures, and what all models answered."""

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

# Pixels of the longer side.
_SMALL, _LARGEST = 96, 224


def tiles(
  failures: Sequence[Failure],
  model: ComparedModel,
  images: LoadedImages,
  cases: Sequence[Case],
  reads: Mapping[str, Mapping[str, CasePredictions]],
  seed: int,
) -> list[dict[str, Any]]:
  """One dictionary for each failure, for the template.

  Args:
    failures: of `gallery`.
    model: the model that fails.
    images: of which.
    cases: of which.
    reads: model -> name of the case -> its answers.
    seed: of the transformations.
  """
  return [_tile(f, model, images, cases[f.case], reads, seed) for f in failures]


def _tile(failure, model, images, case, reads, seed):
  row = failure.row
  group, place = images.find(row)
  part = slice(place, place + 1)
  truth = None if images.labels is None else int(images.labels[row])
  answers = []
  for name, of_model in reads.items():
    clean, after = of_model[CLEAN], of_model[case.name]
    expected = clean.classes[row] if truth is None else truth
    answers.append(
      {
        "model": name,
        "clean": _answer(clean, row, expected, images.class_names),
        "after": _answer(after, row, expected, images.class_names),
      }
    )
  failing = [a["model"] for a in answers if not a["after"]["right"]]
  return {
    "id": images.ids[row],
    "truth": None if truth is None else images.class_names[truth],
    "transformation": case.transformation.name,
    "family": case.condition.family,
    "label": case.label,
    "of_model": case.transformation.of_model,
    "clean": data_url(group.pixels[place]),
    "after": data_url(view(images, group, part, case, seed, model)[0]),
    "small": max(group.pixels.shape[1:3]) <= _SMALL,
    "answers": answers,
    "failing": failing,
  }


def _answer(read, row, expected, class_names):
  found, sure = int(read.classes[row]), float(read.confidences[row])
  return {
    "name": class_names[found] if found >= 0 else "no answer",
    "confidence": None if np.isnan(sure) else 100 * sure,
    "right": found >= 0 and found == expected,
  }


def data_url(image: np.ndarray) -> str:
  """A picture inside a page, of an image uint8 `[H, W, C]`.

  Small ones are PNG, exactly as they were asked about; of large ones that would
  take megabytes, and differences hardly show: they are shrunk, and JPEG.
  """
  import PIL.Image

  gray = image.shape[-1] == 1
  picture = PIL.Image.fromarray(image[..., 0] if gray else image)
  kind, options = "png", {"optimize": True}
  if max(picture.size) > _SMALL:
    picture.thumbnail((_LARGEST, _LARGEST))
    kind, options = "jpeg", {"quality": 92}
  file = io.BytesIO()
  picture.save(file, kind, **options)
  text = base64.b64encode(file.getvalue()).decode()
  return f"data:image/{kind};base64,{text}"
