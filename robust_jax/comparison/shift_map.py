"""How often a shift by a few pixels changes an answer, and which shift."""

from typing import Literal, NamedTuple

import numpy as np

from robust_jax import checks
from robust_jax.comparison.predictors.predict import Predict, predict_batches
from robust_jax.comparison.predictors.read_outputs import read_outputs

_MODES = {"zero": "constant", "edge": "edge", "wrap": "wrap"}
_FLIPS = {
  "none": (),
  "horizontal": (2,),
  "vertical": (1,),
  "both": (1, 2),
}


class ShiftMap(NamedTuple):
  """S = 2 reach + 1 shifts along each axis; the middle one is none.

  Attributes:
    changed: `[S, S]`, the fraction of images whose answer is another than to
      the original, by shift down and shift to the right, both from -reach to
      reach.
    answers: int `[N, S, S]`, the classes answered, -1 for none. As `[N, S * S]`
      they are what `statistics.shift_consistency` takes.
    original: int `[N]`, those to the images as they are.
  """

  changed: np.ndarray
  answers: np.ndarray
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
  """Asks a model about every whole-pixel shift of each image.

  Args:
    predict: the model, on 8-bit images.
    images: uint8 `[N, H, W, C]`.
    num_classes: K.
    reach: largest shift, in pixels.
    flip: reflection of all images before they are shifted; "horizontal"
      exchanges left and right. The middle of the map is then its own effect.
    border: what comes in from outside: "zero", "edge", the border repeated, or
      "wrap", the other side: of a wrapped shift nothing is lost, and what
      changes is the model's own doing.

  Raises:
    ValueError: other images, a negative reach, another flip or border, or see
      `adapters.ask`.
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
  answers = np.empty((len(images), side, side), original.dtype)
  for row in range(side):
    for column in range(side):
      # Moved down by row - reach: the window begins that much higher.
      top, left = 2 * reach - row, 2 * reach - column
      moved = padded[:, top : top + height, left : left + width]
      answers[:, row, column] = _classes(predict, moved, num_classes)
  changed = (answers != original[:, None, None]).mean(axis=0)
  return ShiftMap(changed, answers, original)


def _classes(predict, images, num_classes):
  return read_outputs(
    predict_batches(predict, images, num_classes), num_classes
  ).classes
