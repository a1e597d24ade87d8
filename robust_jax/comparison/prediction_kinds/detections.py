"""Detections: boxes with scores and classes, any number in each image."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from robust_jax.boxes import Annotations, iou
from robust_jax.boxes import Detections as Found
from robust_jax.comparison.predictors.pack_detections import slots

# Tolerance of the boxes in pixels, and of the scores, of an unchanged model.
_TOLERANCE = 1e-2


class DetectionPredictions(NamedTuple):
  """Detections of one model in one case, those of all images in one row.

  Attributes:
    boxes: float32 `[M, 4]`, in pixels.
    scores: float32 `[M]`.
    classes: int32 `[M]`.
    counts: int32 `[N]`, number of detections in each image.
    unknown: predicted classes that do not exist.
    kind: kind of the outputs.
  """

  boxes: np.ndarray
  scores: np.ndarray
  classes: np.ndarray
  counts: np.ndarray
  unknown: tuple[int, ...] = ()
  kind: str = "detections"

  @property
  def missing(self) -> int:
    """No prediction is missing: an image may have no detection."""
    return 0

  def images(self) -> list[Found]:
    """Returns the detections of each image."""
    ends = np.cumsum(self.counts)[:-1]
    parts = (np.split(part, ends) for part in self[:3])
    return [Found(*part) for part in zip(*parts, strict=True)]


class Detections:
  """Any number of detections per image; a `PredictionKind`.

  Outputs are those of `pack`.

  Example:
    >>> import numpy as np
    >>> from robust_jax.comparison.prediction_kinds import Detections
    >>> outputs = np.full((3, 200, 6), np.nan, np.float32)
    >>> outputs[1, 0] = [0, 0, 9, 9, 0.5, 1]
    >>> Detections().read(outputs, num_classes=2).counts.tolist()
    [0, 1, 0]
  """

  name = "detections"
  meanings = MappingProxyType({"detections": "boxes with scores and classes"})
  code = ("robust_jax.comparison.prediction_kinds.detections",)

  def check(self, outputs: np.ndarray, size: int, num_classes: int) -> None:
    shape = (size, slots(num_classes), 6)
    if np.issubdtype(outputs.dtype, np.floating) and outputs.shape == shape:
      return
    raise ValueError(
      f"the model returned {outputs.dtype} of shape {outputs.shape} for {size} "
      f"images: expected floats {list(shape)}, as `pack` makes of detections."
    )

  def read(
    self,
    outputs: np.ndarray,
    num_classes: int,
    kind: str | None = None,
    clean: bool = False,
  ) -> DetectionPredictions:
    """Reads all detections of finite boxes and scores."""
    del kind, clean
    present = np.isfinite(outputs).all(axis=-1)
    classes = np.where(present, outputs[..., 5], 0)
    known = (classes >= 0) & (classes < num_classes)
    unknown = np.unique(classes[present & ~known]).astype(int)
    used = present & known
    rows = outputs[used]
    return DetectionPredictions(
      boxes=rows[:, :4],
      scores=rows[:, 4],
      classes=rows[:, 5].astype(np.int32),
      counts=used.sum(axis=-1, dtype=np.int32),
      unknown=tuple(unknown.tolist()),
    )

  def to_arrays(
    self, predictions: DetectionPredictions
  ) -> dict[str, np.ndarray]:
    return {
      name: np.asarray(value) for name, value in predictions._asdict().items()
    }

  def from_arrays(
    self, arrays: Mapping[str, np.ndarray]
  ) -> DetectionPredictions:
    return DetectionPredictions(
      arrays["boxes"],
      arrays["scores"],
      arrays["classes"],
      arrays["counts"],
      tuple(arrays["unknown"].astype(int).tolist()),
    )

  def differ(
    self,
    outputs: np.ndarray,
    predictions: DetectionPredictions,
    rows: np.ndarray,
    num_classes: int,
  ) -> bool:
    now = self.read(outputs, num_classes).images()
    before = predictions.images()
    return any(
      len(a.scores) != len(b.scores)
      or not all(
        np.allclose(x, y, rtol=0, atol=_TOLERANCE)
        for x, y in zip(a, b, strict=True)
      )
      for a, b in zip(now, (before[row] for row in rows), strict=True)
    )

  def fraction_changed(
    self, clean: DetectionPredictions, changed: DetectionPredictions
  ) -> float:
    """Returns the change of the sum of scores of an image, relative to it."""
    sums = [
      np.array([image.scores.sum() for image in found.images()])
      for found in (clean, changed)
    ]
    largest = np.maximum(*sums)
    return float((np.abs(sums[0] - sums[1]) / np.maximum(largest, 1e-9)).mean())

  def any_correct(
    self, predictions: DetectionPredictions, truth: Sequence[Annotations]
  ) -> bool:
    """Returns whether any detection matches an object at an IoU of 0.5."""
    return any(
      bool(
        (
          (iou(found.boxes, true.boxes) >= 0.5)
          & (found.classes[:, None] == true.classes)
        ).any()
      )
      for found, true in zip(predictions.images(), truth, strict=True)
    )


DETECTIONS = Detections()
