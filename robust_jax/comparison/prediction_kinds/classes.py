"""Classes, with the probabilities of models that return scores."""

from collections.abc import Mapping
from typing import NamedTuple, cast

import numpy as np

from robust_jax.comparison.predictors.read_outputs import (
  MEANING,
  Kind,
  read_outputs,
)

# Tolerance of the probabilities of an unchanged model.
_TOLERANCE = 1e-3


class ClassPredictions(NamedTuple):
  """Predicted classes of one model in one case.

  Attributes:
    classes: int `[N]`, -1 where there is no prediction.
    confidences: float `[N]`, probability of that class; NaN where the model
      returns only classes, or there is no prediction.
    kind: kind of the model's outputs.
    probabilities: `[N, K]` in the clean case, else empty.
    unknown: predicted classes that do not exist; see `read_outputs`.
  """

  classes: np.ndarray
  confidences: np.ndarray
  kind: Kind
  probabilities: np.ndarray
  unknown: tuple[int, ...] = ()

  @property
  def missing(self) -> int:
    """Number of examples without a prediction."""
    return int((self.classes < 0).sum())


class Classes:
  """One class per example; a `PredictionKind`.

  Outputs are scores, float `[B, K]`, or classes, int `[B]`. Scores of changed
  examples are not stored, as they are large for many classes.

  Example:
    >>> import numpy as np
    >>> from robust_jax.comparison.prediction_kinds import Classes
    >>> outputs = np.array([[80.0, 20.0], [30.0, 70.0]])
    >>> Classes().read(outputs, num_classes=2).classes.tolist()
    [0, 1]
  """

  name = "classes"
  meanings = MEANING
  code = ("robust_jax.comparison.predictors.read_outputs",)

  def check(self, outputs: np.ndarray, size: int, num_classes: int) -> None:
    scores = np.issubdtype(outputs.dtype, np.floating)
    if scores and outputs.shape == (size, num_classes):
      return
    if np.issubdtype(outputs.dtype, np.integer) and outputs.shape == (size,):
      return
    raise ValueError(
      f"the model returned {outputs.dtype} of shape {outputs.shape} for {size} "
      f"examples: expected floats [{size}, {num_classes}], a score for each "
      f"class, or integers [{size}], the classes. If the data lack some of the "
      "model's classes, name all of them in its order (--class_names)."
    )

  def read(
    self,
    outputs: np.ndarray,
    num_classes: int,
    kind: str | None = None,
    clean: bool = False,
  ) -> ClassPredictions:
    found = read_outputs(outputs, num_classes, cast(Kind | None, kind))
    confidences = np.full(len(outputs), np.nan, np.float32)
    probabilities = np.zeros((0, num_classes), np.float32)
    if found.probabilities is not None:
      valid = found.classes >= 0
      confidences[valid] = found.probabilities.max(axis=1)[valid]
      if clean:
        probabilities = found.probabilities.astype(np.float32)
    return ClassPredictions(
      found.classes, confidences, found.kind, probabilities, found.unknown
    )

  def to_arrays(self, predictions: ClassPredictions) -> dict[str, np.ndarray]:
    return {
      "classes": predictions.classes.astype(np.int32),
      "confidences": predictions.confidences,
      "kind": np.array(predictions.kind),
      "probabilities": predictions.probabilities,
      "unknown": np.array(predictions.unknown, np.int64),
    }

  def from_arrays(self, arrays: Mapping[str, np.ndarray]) -> ClassPredictions:
    return ClassPredictions(
      arrays["classes"],
      arrays["confidences"],
      cast(Kind, str(arrays["kind"])),
      arrays["probabilities"],
      tuple(arrays["unknown"].tolist()),
    )

  def differ(
    self,
    outputs: np.ndarray,
    predictions: ClassPredictions,
    rows: np.ndarray,
    num_classes: int,
  ) -> bool:
    if (outputs.ndim == 1) != (predictions.kind == "classes"):
      return True
    try:
      now = read_outputs(outputs, num_classes, predictions.kind)
    except ValueError:  # scores that were probabilities before
      return True
    if now.probabilities is None:
      return bool((now.classes != predictions.classes[rows]).any())
    # Without a prediction, probabilities are 0 and confidences NaN.
    expected = np.nan_to_num(predictions.confidences[rows])
    found = now.probabilities.max(axis=1)
    if len(predictions.probabilities):
      expected, found = predictions.probabilities[rows], now.probabilities
    return bool(np.abs(found - expected).max() > _TOLERANCE)

  def fraction_changed(
    self, clean: ClassPredictions, changed: ClassPredictions
  ) -> float:
    return float((clean.classes != changed.classes).mean())

  def any_correct(
    self, predictions: ClassPredictions, truth: np.ndarray
  ) -> bool:
    return bool((predictions.classes == truth).any())


CLASSES = Classes()


def only_classes(classes: np.ndarray, num_classes: int) -> ClassPredictions:
  """Returns the predictions of known classes `[M]`, -1 where there is none."""
  unknown = np.full(len(classes), np.nan, np.float32)
  nothing = np.zeros((0, num_classes), np.float32)
  return ClassPredictions(classes, unknown, "classes", nothing)
