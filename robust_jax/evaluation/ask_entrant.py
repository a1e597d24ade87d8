"""One model asked about some images, and named if it fails."""

from collections.abc import Sequence

import numpy as np

from robust_jax.adapters.ask import ask
from robust_jax.adapters.read_answers import read_answers
from robust_jax.evaluation.answers import Answers
from robust_jax.evaluation.entrant import CLEAN, Entrant
from robust_jax.evaluation.held_images import HeldImages

_BATCH = 128


class ModelFailed(ValueError):
  """A model that cannot be asked; the others can.

  Attributes:
    name: of the model.
  """

  def __init__(self, name: str, message: str):
    super().__init__(message)
    self.name = name


def ask_entrant(
  entrant: Entrant,
  case: str,
  images: HeldImages,
  rows: Sequence[int],
  pixels: np.ndarray,
) -> np.ndarray:
  """Answers to a batch: float `[B, K]` or integers `[B]`.

  Args:
    entrant: the model.
    case: its name.
    images: those that are compared.
    rows: `[B]`, which of them the batch is of.
    pixels: uint8 `[B, H, W, C]`, what the model sees of them.

  Raises:
    ModelFailed: it does, or answers something of another shape.
  """
  ids = [images.ids[row] for row in rows]
  try:
    return ask(
      lambda batch: entrant.answer(case, ids, batch),
      list(pixels),
      len(images.class_names),
      batch_size=len(rows),
    )
  except Exception as error:  # whatever the user's code may raise
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    raise ModelFailed(
      entrant.name,
      f"model '{entrant.name}' failed on images of shape "
      f"{list(pixels.shape[1:])} ({case}): {kind}{error}",
    ) from error


def ask_classes(
  kept: Answers,
  case: str,
  images: HeldImages,
  rows: Sequence[int],
  pixels: np.ndarray,
) -> np.ndarray:
  """Classes `[M]` answered to any number of images; -1 is no answer.

  Scores are read as those of clean images, which must be answered.

  Args:
    kept: of the model.
    case: as `ask_entrant`; images too.
    images: those that are compared.
    rows: `[M]`, which of them the pixels are of.
    pixels: uint8 `[M, H, W, C]`.

  Raises:
    ModelFailed: as `ask_entrant`, or classes instead of scores.
  """
  num_classes, kind = len(images.class_names), kept.read(CLEAN).kind
  found = []
  for start in range(0, len(rows), _BATCH):
    part = slice(start, start + _BATCH)
    answers = ask_entrant(kept.entrant, case, images, rows[part], pixels[part])
    try:
      found.append(read_answers(answers, num_classes, kind).classes)
    except ValueError as error:
      name = kept.entrant.name
      raise ModelFailed(name, f"model '{name}' ({case}): {error}") from error
  return np.concatenate(found)
