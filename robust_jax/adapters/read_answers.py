"""Classes and confidences from whatever a model answers."""

import dataclasses
from typing import Literal

import numpy as np
import scipy.special

Kind = Literal["logits", "probabilities", "classes"]

# Probabilities in float32, summed over a thousand classes.
_SUM = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
  """One model's answers to N images.

  Attributes:
    classes: int `[N]`; -1 is no answer, which is never right.
    probabilities: `[N, K]`, 0 in rows without an answer; None where the model
      gives classes alone.
    kind: what the model returned. Probabilities are taken as they are: a
      softmax of them would make every confidence small.
    missing: how many have no answer: NaN, infinity, or no such class.
  """

  classes: np.ndarray
  probabilities: np.ndarray | None
  kind: Kind
  missing: int


def read_answers(
  answers: np.ndarray, num_classes: int, kind: Kind | None = None
) -> Answers:
  """Recognises logits, probabilities and classes, and counts what is neither.

  Scores are probabilities if every row that is finite lies in [0, 1] and sums
  to 1. Of logits that is true by accident for a few rows, not for all: ask
  about all images before reading the answers.

  A score of minus infinity is a class that the model rules out, no problem.

  Args:
    answers: float `[N, K]` or int `[N]`, as `ask` returns them.
    num_classes: K.
    kind: what the same model's answers were found to be before; it may fail on
      all images then. None finds out.

  Raises:
    ValueError: another shape, classes instead of scores or scores instead of
      classes, or no image has an answer and no kind is given.
  """
  answers = np.asarray(answers)
  if np.issubdtype(answers.dtype, np.integer) and answers.ndim == 1:
    usable = (answers >= 0) & (answers < num_classes)
    found = np.where(usable, answers, -1), None, "classes"
  elif answers.ndim == 2 and answers.shape[1] == num_classes:
    # NaN and plus infinity have no largest score that means anything.
    usable = (answers < np.inf).all(axis=1) & (answers.max(axis=1) > -np.inf)
    found = _of_scores(answers, usable, kind)
  else:
    raise ValueError(
      f"answers are {answers.dtype} of shape {answers.shape}: wanted floats "
      f"[N, {num_classes}] or integers [N]."
    )
  if kind is not None and (kind == "classes") != (found[1] is None):
    raise ValueError(
      f"the model answered {kind} before, and {answers.dtype} of shape "
      f"{answers.shape} now: wanted one of the two."
    )
  missing = int((~usable).sum())
  if missing == len(answers) and kind is None:
    raise ValueError(
      f"none of {missing} answers can be used: all are NaN, infinite or of "
      f"classes outside 0..{num_classes - 1}."
    )
  return Answers(*found, missing=missing)


def _of_scores(scores, usable, kind):
  # In float64, so that large logits of float16 models do not overflow.
  rows = scores[usable].astype(np.float64)
  if kind is None:
    in_unit = ((rows >= 0) & (rows <= 1)).all()
    sums_to_one = (np.abs(rows.sum(axis=1) - 1) <= _SUM).all()
    kind = "probabilities" if in_unit and sums_to_one else "logits"
  classes = np.full(len(scores), -1)
  classes[usable] = rows.argmax(axis=1)
  probabilities = np.zeros(scores.shape)
  if kind == "logits":
    rows = scipy.special.softmax(rows, axis=1)
  probabilities[usable] = rows
  return classes, probabilities, kind
