"""Classes and confidences from whatever a model answers."""

import dataclasses
from typing import Literal

import numpy as np
import scipy.special

Kind = Literal["logits", "probabilities", "percentages", "sigmoids", "classes"]

MEANING: dict[Kind, str] = {
  "logits": "logits: confidences are their softmax",
  "probabilities": "probabilities, taken as they are",
  "percentages": "percentages, divided by 100",
  "sigmoids": "scores from 0 to 1 that do not sum to 1: each is taken for the "
  "probability of its class",
  "classes": "classes alone",
}
"""What each kind is taken for, in words."""

# What probabilities of a kind sum to, and cannot exceed.
_WHOLE: dict[Kind, float] = {
  "probabilities": 1.0,
  "percentages": 100.0,
  "sigmoids": 1.0,
}
# Probabilities in float32, summed over a thousand classes.
_SUM = 1e-3
# Rounded ones of many classes may be further off; beyond this they say little.
_ROUNDED_SUM = 0.1
_DECIMALS = range(6)


@dataclasses.dataclass(frozen=True, eq=False)
class Outputs:
  """One model's answers to N images.

  Attributes:
    classes: int `[N]`; -1 is no answer, which is never right.
    probabilities: `[N, K]`, 0 in rows without an answer; None where the model
      gives classes alone. Rows sum to 1 as far as those of the model do.
    kind: what the model returned, taken as `MEANING` says: a softmax of
      probabilities would make every confidence small.
    missing: how many have no answer: NaN, infinity, or no such class.
    unknown: the classes outside 0..K-1 that were answered, other than -1.
  """

  classes: np.ndarray
  probabilities: np.ndarray | None
  kind: Kind
  missing: int
  unknown: tuple[int, ...] = ()


def read_outputs(
  answers: np.ndarray, num_classes: int, kind: Kind | None = None
) -> Outputs:
  """Recognizes what a model answers, and counts what is no answer.

  Scores are probabilities if every row that is finite lies in [0, 1] and sums
  to 1, up to the decimals that they are rounded to; percentages if it lies in
  [0, 100] and sums to 100; sigmoids if it lies in [0, 1]; else logits. Of
  logits any of these is true by accident for a few rows, not for all: ask about
  all images before reading the answers.

  A score of minus infinity is a class that the model rules out, no problem.

  Args:
    answers: float `[N, K]` or int `[N]`, as `ask` returns them.
    num_classes: K.
    kind: what the model's answers are, where it is known: the model may fail on
      all images then. None finds out.

  Raises:
    ValueError: another shape, another kind of answers than the one given, or no
      image has an answer and no kind is given.
  """
  answers = np.asarray(answers)
  if np.issubdtype(answers.dtype, np.integer) and answers.ndim == 1:
    usable = (answers >= 0) & (answers < num_classes)
    found = np.where(usable, answers, -1), None, "classes"
    strange = np.unique(answers[~usable & (answers != -1)])
    unknown = tuple(strange.tolist())
  elif answers.ndim == 2 and answers.shape[1] == num_classes:
    # NaN and plus infinity have no largest score that means anything.
    usable = (answers < np.inf).all(axis=1) & (answers.max(axis=1) > -np.inf)
    scores = None if kind == "classes" else kind
    found, unknown = _of_scores(answers, usable, scores), ()
  else:
    raise ValueError(
      f"answers are {answers.dtype} of shape {answers.shape}: expected floats "
      f"[N, {num_classes}] or integers [N]."
    )
  if kind is not None and (kind == "classes") != (found[1] is None):
    raise ValueError(
      f"the model is taken to answer {kind}, and answered {answers.dtype} of "
      f"shape {answers.shape}: expected one of the two."
    )
  missing = int((~usable).sum())
  if missing == len(answers) and kind is None:
    raise ValueError(
      f"none of {missing} answers can be used: all are NaN, infinite or of "
      f"classes outside 0..{num_classes - 1}."
    )
  return Outputs(*found, missing=missing, unknown=unknown)


def _of_scores(scores, usable, kind):
  # In float64, so that large logits of float16 models do not overflow.
  rows = scores[usable].astype(np.float64)
  if kind is None:
    kind = _recognized(rows)
  elif kind in _WHOLE and not _within(rows, _WHOLE[kind]):
    raise ValueError(
      f"the model is taken to answer {kind}, and its scores are from "
      f"{rows.min():g} to {rows.max():g}, not from 0 to {_WHOLE[kind]:g}: say "
      "what they are, as in --answers=NAME=logits."
    )
  classes = np.full(len(scores), -1)
  classes[usable] = rows.argmax(axis=1)
  probabilities = np.zeros(scores.shape)
  if kind == "logits":
    probabilities[usable] = scipy.special.softmax(rows, axis=1)
  else:
    probabilities[usable] = np.clip(rows / _WHOLE[kind], 0, 1)
  return classes, probabilities, kind


def _recognized(rows) -> Kind:
  for kind in ("probabilities", "percentages"):
    whole = _WHOLE[kind]
    if _within(rows, whole) and _sum_to_one(rows / whole):
      return kind
  return "sigmoids" if _within(rows, 1) else "logits"


def _within(rows, whole) -> bool:
  slack = _SUM * whole
  return bool(((rows >= -slack) & (rows <= whole + slack)).all())


def _sum_to_one(rows) -> bool:
  """Up to half of the last decimal of each class, where they are rounded."""
  off = np.abs(rows.sum(axis=1) - 1).max(initial=0)
  if off <= _SUM:
    return True
  decimals = next((d for d in _DECIMALS if _are_rounded(rows, d)), None)
  if decimals is None:
    return False
  return bool(off <= min(rows.shape[1] / 2 / 10**decimals, _ROUNDED_SUM) + _SUM)


def _are_rounded(rows, decimals) -> bool:
  # float32 has seven digits.
  return bool((np.abs(rows - rows.round(decimals)) < 1e-7).all())
