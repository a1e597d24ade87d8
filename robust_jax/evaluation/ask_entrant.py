"""One model asked about some images, and named if it fails."""

from collections.abc import Sequence

import numpy as np

from robust_jax.adapters.ask import ask
from robust_jax.evaluation.entrant import Entrant
from robust_jax.evaluation.held_images import HeldImages


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
    ValueError: the model fails, or answers something of another shape.
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
    raise ValueError(
      f"model '{entrant.name}' failed on images of shape "
      f"{list(pixels.shape[1:])} ({case}): {kind}{error}"
    ) from error
