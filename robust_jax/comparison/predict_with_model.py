"""One model asked about some images, and named if it fails."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from robust_jax.comparison.load_images import LoadedImages
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.predictors.predict import predict_batches
from robust_jax.comparison.predictors.read_outputs import read_outputs
from robust_jax.comparison.predictors.retry import NoResponse


class ModelFailed(ValueError):
  """A model that cannot be asked; the others can.

  Attributes:
    name: of the model.
  """

  def __init__(self, name: str, message: str):
    super().__init__(message)
    self.name = name


def ask_model(
  model: ComparedModel,
  case: str,
  images: LoadedImages,
  rows: Sequence[int],
  pixels: np.ndarray,
) -> np.ndarray:
  """Answers to a batch: float `[B, K]` or integers `[B]`.

  Args:
    model: the model.
    case: its name.
    images: those that are compared.
    rows: `[B]`, which of them the batch is of.
    pixels: uint8 `[B, H, W, C]`, what the model sees of them.

  Raises:
    ModelFailed: it does, or answers something of another shape.
  """
  ids = [images.ids[row] for row in rows]
  try:
    return predict_batches(
      lambda batch: model.answer(case, ids, batch),
      list(pixels),
      len(images.class_names),
      batch_size=model.batch_size or len(rows),
      retries=model.retries,
    )
  except Exception as error:  # whatever the user's code may raise
    said = isinstance(error, ValueError | NoResponse)
    kind = "" if said else f"{type(error).__name__}: "
    raise ModelFailed(
      model.name,
      f"model '{model.name}' failed on images of shape "
      f"{list(pixels.shape[1:])} ({case}): {kind}{error}",
    ) from error


def in_batches(
  missing: Sequence[PredictionStore],
  case: str,
  batches: Iterable[tuple[int, Callable[[PredictionStore, int], np.ndarray]]],
  interrupted: Callable[[], bool],
) -> list[np.ndarray] | None:
  """Answers of some models to a case, from where it was interrupted.

  However it ends, what was answered is kept batch by batch.

  Args:
    missing: of the models.
    case: its name.
    batches: for each, how many images it has, and what asks a model about those
      after the first few, which it has answered.
    interrupted: asked before every batch.

  Returns:
    For each model `[N, K]` or `[N]`, in the order in which images were asked
    about; None if interrupted.

  Raises:
    ModelFailed: one does, or answers in two ways.
  """
  parts = [one.partial(case) for one in missing]
  start = 0
  try:
    for size, ask_about in batches:
      if interrupted():
        break
      for one, part in zip(missing, parts, strict=True):
        known = max(0, part.count - start)
        if known < size:
          _put(one.model.name, part, ask_about(one, known))
      start += size
    else:
      return [part.answers() for part in parts]
  except BaseException:
    _save(parts)
    raise
  _save(parts)
  return None


def _put(name, part, answers):
  try:
    part.put(answers)
  except ValueError as error:
    part.drop()
    raise ModelFailed(name, f"model '{name}': {error}") from error


def _save(parts):
  for part in parts:
    part.save()


def predict_classes(
  kept: PredictionStore,
  case: str,
  images: LoadedImages,
  rows: Sequence[int],
  pixels: np.ndarray,
) -> np.ndarray:
  """Classes `[B]` answered to a batch; -1 is no answer.

  Scores are read as those of clean images, which must be answered.

  Args:
    kept: of the model.
    case: as `ask_model`; images too.
    images: those that are compared.
    rows: `[B]`, which of them the pixels are of.
    pixels: uint8 `[B, H, W, C]`.

  Raises:
    ModelFailed: as `ask_model`, or classes instead of scores.
  """
  num_classes, kind = len(images.class_names), kept.read(CLEAN).kind
  answers = ask_model(kept.model, case, images, rows, pixels)
  try:
    return read_outputs(answers, num_classes, kind).classes
  except ValueError as error:
    name = kept.model.name
    raise ModelFailed(name, f"model '{name}' ({case}): {error}") from error
