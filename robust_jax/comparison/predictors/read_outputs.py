"""Classes and probabilities of model outputs of any kind."""

import dataclasses
from typing import Literal

import numpy as np
import scipy.special

Kind = Literal["logits", "probabilities", "percentages", "sigmoids", "classes"]

MEANING: dict[Kind, str] = {
  "logits": "logits: confidences are their softmax",
  "probabilities": "probabilities, used as they are",
  "percentages": "percentages, divided by 100",
  "sigmoids": "scores from 0 to 1 that do not sum to 1, each the probability "
  "of its class",
  "classes": "classes only",
}
"""Interpretation of each kind of outputs."""

# Sum and upper bound of the probabilities of a kind.
_WHOLE: dict[Kind, float] = {
  "probabilities": 1.0,
  "percentages": 100.0,
  "sigmoids": 1.0,
}
# Tolerance for sums of float32 probabilities over a thousand classes.
_SUM = 1e-3
# Upper bound of the tolerance for rounded probabilities of many classes.
_ROUNDED_SUM = 0.1
_DECIMALS = range(6)


@dataclasses.dataclass(frozen=True, eq=False)
class Outputs:
  """Interpreted outputs of a model for N images.

  Attributes:
    classes: int `[N]`, predicted classes; -1 for no prediction, which is never
      correct.
    probabilities: `[N, K]`, 0 in rows without a prediction; None where the
      model returns only classes. Rows sum to 1 as far as those of the model do.
    kind: kind of the model's outputs, interpreted as in `MEANING`.
    missing: number of images without a prediction: NaN, infinity, or a class
      that does not exist.
    unknown: predicted classes outside 0..K-1, other than -1.
  """

  classes: np.ndarray
  probabilities: np.ndarray | None
  kind: Kind
  missing: int
  unknown: tuple[int, ...] = ()


def read_outputs(
  outputs: np.ndarray, num_classes: int, kind: Kind | None = None
) -> Outputs:
  """Detects the kind of a model's outputs and reads the predictions.

  Scores are probabilities if every finite row is in [0, 1] and sums to 1, up to
  the decimals they are rounded to; percentages if it is in [0, 100] and sums to
  100; sigmoids if it is in [0, 1]; otherwise logits. A few rows of logits may
  satisfy any of these by chance, but not all: read the outputs of all images at
  once.

  A score of minus infinity excludes a class and is valid.

  Args:
    outputs: float `[N, K]` or int `[N]`, from `predict_batches`.
    num_classes: K.
    kind: kind of the outputs, if known; then all may be unusable. None to
      detect it.

  Returns:
    The `Outputs`.

  Raises:
    ValueError: the shape is wrong, outputs are not of the given kind, or no
      output is usable and no kind is given.

  Example:
    >>> import numpy as np
    >>> from robust_jax.comparison.predictors.read_outputs import read_outputs
    >>> found = read_outputs(np.array([[80.0, 20.0], [30.0, 70.0]]), 2)
    >>> found.kind, found.classes.tolist(), found.probabilities[0].tolist()
    ('percentages', [0, 1], [0.8, 0.2])
  """
  outputs = np.asarray(outputs)
  found: tuple[np.ndarray, np.ndarray | None, Kind]
  unknown: tuple[int, ...] = ()
  if np.issubdtype(outputs.dtype, np.integer) and outputs.ndim == 1:
    usable = (outputs >= 0) & (outputs < num_classes)
    found = np.where(usable, outputs, -1), None, "classes"
    unknown = tuple(np.unique(outputs[~usable & (outputs != -1)]).tolist())
  elif outputs.ndim == 2 and outputs.shape[1] == num_classes:
    # With NaN or plus infinity the largest score is meaningless.
    usable = (outputs < np.inf).all(axis=1) & (outputs.max(axis=1) > -np.inf)
    found = _of_scores(outputs, usable, None if kind == "classes" else kind)
  else:
    raise ValueError(
      f"outputs are {outputs.dtype} of shape {outputs.shape}: expected floats "
      f"[N, {num_classes}] or integers [N]."
    )
  if kind is not None and (kind == "classes") != (found[1] is None):
    raise ValueError(
      f"the model should return {kind}, and returned {outputs.dtype} of shape "
      f"{outputs.shape}: expected one of the two."
    )
  missing = int((~usable).sum())
  if missing == len(outputs) and kind is None:
    raise ValueError(
      f"none of {missing} outputs can be used: all are NaN, infinite or of "
      f"classes outside 0..{num_classes - 1}."
    )
  classes, probabilities, kind = found
  return Outputs(classes, probabilities, kind, missing, unknown)


def _of_scores(
  scores: np.ndarray, usable: np.ndarray, kind: Kind | None
) -> tuple[np.ndarray, np.ndarray, Kind]:
  # In float64, so that large float16 logits do not overflow.
  rows = scores[usable].astype(np.float64)
  if kind is None:
    kind = _detect(rows)
  elif kind in _WHOLE and not _within(rows, _WHOLE[kind]):
    raise ValueError(
      f"the model should return {kind}, and its scores are from "
      f"{rows.min():g} to {rows.max():g}, not from 0 to {_WHOLE[kind]:g}: say "
      "what they are, as in --output_kind=NAME=logits."
    )
  classes = np.full(len(scores), -1)
  classes[usable] = rows.argmax(axis=1)
  probabilities = np.zeros(scores.shape)
  if kind == "logits":
    probabilities[usable] = scipy.special.softmax(rows, axis=1)
  else:
    probabilities[usable] = np.clip(rows / _WHOLE[kind], 0, 1)
  return classes, probabilities, kind


def _detect(rows: np.ndarray) -> Kind:
  candidates: tuple[Kind, ...] = ("probabilities", "percentages")
  for kind in candidates:
    whole = _WHOLE[kind]
    if _within(rows, whole) and _sum_to_one(rows / whole):
      return kind
  return "sigmoids" if _within(rows, 1) else "logits"


def _within(rows, whole) -> bool:
  slack = _SUM * whole
  return bool(((rows >= -slack) & (rows <= whole + slack)).all())


def _sum_to_one(rows) -> bool:
  """Returns whether rows sum to 1, up to the rounding of each class."""
  off = np.abs(rows.sum(axis=1) - 1).max(initial=0)
  if off <= _SUM:
    return True
  decimals = next((d for d in _DECIMALS if _are_rounded(rows, d)), None)
  if decimals is None:
    return False
  return bool(off <= min(rows.shape[1] / 2 / 10**decimals, _ROUNDED_SUM) + _SUM)


def _are_rounded(rows, decimals) -> bool:
  # float32 has about seven digits.
  return bool((np.abs(rows - rows.round(decimals)) < 1e-7).all())
