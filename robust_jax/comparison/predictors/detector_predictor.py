"""Detectors of any kind as predictors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from robust_jax.boxes import Detections, from_corner_and_size
from robust_jax.comparison.predictors.pack_detections import pack
from robust_jax.comparison.predictors.predict import Predict
from robust_jax.data.readers.detection.check_boxes import (
  refuse_another_form,
  refuse_fractions,
)

FORM = "left, top, right, bottom in pixels"
_OTHER = "left, top, width, height", from_corner_and_size
_CLASSES = ("classes", "labels")


def detector_predictor(
  detect: Callable[[Sequence[np.ndarray]], Sequence[Any]],
  class_names: Sequence[str],
) -> Predict:
  """Predictor of any function that finds objects in images.

  Args:
    detect: function of a list of images, uint8 `[H, W, C]`, perhaps of several
      shapes, that returns what it finds in each: `Detections`, a tuple (boxes,
      scores, classes) or a dict with these keys, of which the last may be
      called "labels". Boxes are corners in pixels of the image that it was
      given, and classes are names, or indices from 0 on. All detections are
      wanted, also those of a low score.
    class_names: K names.

  Returns:
    A predictor of detections `[B, M, 6]`; see `pack`. It raises ValueError if
    the function returns something else, an unknown class, or boxes that are
    plausible only as left, top, width and height or as fractions.

  Example:
    >>> import numpy as np
    >>> from robust_jax.comparison.predictors import detector_predictor as dp
    >>> find = lambda images: [([[0, 0, 2, 2]], [0.9], ["hat"]) for _ in images]
    >>> predict = dp.detector_predictor(find, ["person", "hat"])
    >>> predict([np.zeros((4, 4, 3), np.uint8)])[0, 0, 5].item()
    1.0
  """
  places = {name: place for place, name in enumerate(class_names)}

  def predict(images: Sequence[np.ndarray]) -> np.ndarray:
    shapes = [image.shape for image in images]
    found = list(detect(images))
    if len(found) != len(shapes):
      raise ValueError(
        f"the model returned {len(found)} results for {len(shapes)} images: "
        "expected one each."
      )
    read = [read_detections(one, places) for one in found]
    refuse_other_boxes("the model", FORM, read, shapes, _OTHER)
    return pack(read, len(places))

  return predict


def refuse_other_boxes(
  name: str,
  form: str,
  detections: Sequence[Detections],
  shapes: Sequence[tuple[int, ...]],
  other: tuple[str, Callable[[np.ndarray], np.ndarray]],
) -> None:
  """Refuses detections whose boxes are plausible only in another form.

  Args:
    name: name of the model or file in the message.
    form: words for the form that is expected.
    detections: those of each image.
    shapes: shapes (H, W, C) of the images.
    other: words for another form, and a function from the boxes to the corners
      if the numbers are of that form.

  Raises:
    ValueError: see `refuse_another_form` and `refuse_fractions`.
  """
  boxes = np.concatenate([one.boxes for one in detections])
  counts = [len(one.boxes) for one in detections]
  scale = np.repeat([(w, h, w, h) for h, w, *_ in shapes], counts, axis=0)
  words, corners = other
  refuse_fractions(name, boxes)
  refuse_another_form(
    name, form, boxes / scale, {words: corners(boxes) / scale}
  )


def read_detections(found: Any, places: Mapping[str, int]) -> Detections:
  """Reads the detections of an image in any form of `detector_predictor`.

  Args:
    found: `Detections`, a tuple or a dict.
    places: index of each class name.

  Raises:
    ValueError: it is something else, lengths differ, or a class is unknown.
  """
  if isinstance(found, Mapping):
    key = next((name for name in _CLASSES if name in found), "classes")
    values = tuple(found.get(name) for name in ("boxes", "scores", key))
  else:
    values = tuple(found) if isinstance(found, Sequence) else ()
  if len(values) != 3 or any(value is None for value in values):
    raise ValueError(
      f"the model found {str(found)[:60]} in an image: expected boxes, scores "
      "and classes, as a dict or a tuple."
    )
  boxes, scores = (np.asarray(value, np.float32) for value in values[:2])
  classes = _indices(np.asarray(values[2]).reshape(-1), places)
  boxes = boxes.reshape(len(boxes), -1) if boxes.size else boxes.reshape(0, 4)
  if not boxes.shape == (len(classes), 4) == (*scores.shape, 4):
    raise ValueError(
      f"the model found boxes {list(boxes.shape)}, scores {list(scores.shape)} "
      f"and classes {list(classes.shape)} in an image: expected [m, 4], [m] "
      "and [m]."
    )
  return Detections(boxes, scores, classes)


def _indices(classes: np.ndarray, places: Mapping[str, int]) -> np.ndarray:
  """The indices of classes, which are names or indices."""
  if classes.dtype.kind in "UO":
    found = np.array([places.get(str(name), -1) for name in classes], int)
  else:
    found = np.where(np.isin(classes, range(len(places))), classes, -1)
  if (found < 0).any():
    names = list(places)
    raise ValueError(
      f"the model found the class '{classes[found < 0][0]}': expected one of "
      f"{', '.join(names[:10])}{', ...' if len(names) > 10 else ''}, or an "
      f"index from 0 to {len(names) - 1}. Name all classes of the model "
      "(--class_names), or leave its other classes out."
    )
  return found.astype(np.int64)
