"""Sensitivity of predictions to shifts by a few pixels."""

from typing import Literal, NamedTuple

import numpy as np

from robust_jax import checks
from robust_jax.comparison.predictors.predict import Predict, predict_batches
from robust_jax.comparison.predictors.read_outputs import read_outputs

_MODES: dict[str, Literal["constant", "edge", "wrap"]] = {
  "zero": "constant",
  "edge": "edge",
  "wrap": "wrap",
}
_FLIPS: dict[str, tuple[int, ...]] = {
  "none": (),
  "horizontal": (2,),
  "vertical": (1,),
  "both": (1, 2),
}


class ShiftMap(NamedTuple):
  """Predictions for S = 2 reach + 1 shifts along each axis.

  Attributes:
    changed: `[S, S]`, the fraction of images whose prediction differs from that
      of the original, by shift down and shift to the right, both from -reach to
      reach.
    predictions: int `[N, S, S]`, predicted classes, -1 for none. As `[N, S *
      S]` they are the input of `shift_consistency`.
    original: int `[N]`, predictions for the original images.
  """

  changed: np.ndarray
  predictions: np.ndarray
  original: np.ndarray


def shift_map(
  predict: Predict,
  images: np.ndarray,
  num_classes: int,
  *,
  reach: int = 3,
  flip: Literal["none", "horizontal", "vertical", "both"] = "none",
  border: Literal["zero", "edge", "wrap"] = "edge",
) -> ShiftMap:
  """Evaluates a model on every whole-pixel shift of each image.

  Args:
    predict: the model as a function of 8-bit images.
    images: uint8 `[N, H, W, C]`.
    num_classes: K.
    reach: largest shift in pixels.
    flip: reflection of all images before they are shifted; "horizontal"
      exchanges left and right. The center of the map is then the effect of the
      flip alone.
    border: pixels shifted in: "zero", "edge" (the border repeated) or "wrap"
      (the opposite side, so that no pixel is lost).

  Returns:
    A `ShiftMap`.

  Raises:
    ValueError: images are of another kind, reach is negative, or flip or border
      is unknown; see `predict_batches`.

  Example:
    >>> import numpy as np
    >>> from robust_jax.comparison.shift_map import shift_map
    >>> corner = lambda images: np.array([int(x[0, 0, 0] > 0) for x in images])
    >>> images = np.full((1, 4, 4, 1), 255, np.uint8)
    >>> shift_map(corner, images, 2, reach=1, border="zero").changed.tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0]]
  """
  images = np.asarray(images)
  checks.non_negative("reach", reach)
  if images.dtype != np.uint8 or images.ndim != 4 or len(images) == 0:
    raise ValueError(
      f"images are {images.dtype} of shape {images.shape}: expected at least "
      "one in uint8 [N, H, W, C]."
    )
  for name, value, known in (
    ("flip", flip, _FLIPS),
    ("border", border, _MODES),
  ):
    if value not in known:
      raise ValueError(
        f"{name} = '{value}': expected one of {', '.join(known)}."
      )
  original = _classes(predict, images, num_classes)
  height, width = images.shape[1:3]
  around = ((0, 0), (reach, reach), (reach, reach), (0, 0))
  padded = np.pad(np.flip(images, _FLIPS[flip]), around, _MODES[border])
  side = 2 * reach + 1
  predictions = np.empty((len(images), side, side), original.dtype)
  for row in range(side):
    for column in range(side):
      # Shifted down by row - reach: the window starts that much higher.
      top, left = 2 * reach - row, 2 * reach - column
      moved = padded[:, top : top + height, left : left + width]
      predictions[:, row, column] = _classes(predict, moved, num_classes)
  changed = (predictions != original[:, None, None]).mean(axis=0)
  return ShiftMap(changed, predictions, original)


def _classes(predict, images, num_classes):
  return read_outputs(
    predict_batches(predict, images, num_classes), num_classes
  ).classes
