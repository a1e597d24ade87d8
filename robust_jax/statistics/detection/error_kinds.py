"""Kinds of errors of a detector, and which of them a change causes."""

from collections.abc import Sequence

import numpy as np

from robust_jax import boxes
from robust_jax.boxes import Annotations, Detections
from robust_jax.statistics.bootstrap import Estimate, Method, bootstrap
from robust_jax.statistics.detection.match import Matches
from robust_jax.statistics.outcomes import Condition
from robust_jax.statistics.weighted_averages import OVERALL, weighted_averages

KINDS = (
  "location",
  "class",
  "duplicate",
  "background",
  "class and location",
  "missed",
)
"""All but the last are kinds of false detections, in the order of the tests."""

FALSE_POSITIVES = "false positives"
"""All kinds of false detections together."""

_FOREGROUND, _BACKGROUND = 0.5, 0.1


def error_kinds(
  annotations: Annotations,
  detections: Detections,
  matches: Matches,
  threshold: float,
) -> np.ndarray:
  """Counts the errors of each kind in one image.

  A detection at or above the threshold that is false, at an IoU of 0.5, is the
  first of these that fits, with s its largest IoU with an annotation of its
  class and o with one of another class:

  - location: 0.1 <= s < 0.5
  - class: o >= 0.5
  - duplicate: s >= 0.5, of an annotation that another detection has taken
  - background: s and o below 0.1
  - class and location: otherwise.

  An annotation is missed if it is not found, nor is it the one of largest IoU
  of an error of location or class, since it would be found without that error.
  Ignored annotations are not looked at.

  Args:
    annotations: the objects of an image.
    detections: detections in the same image.
    matches: their matches.
    threshold: least score of a detection that counts.

  Returns:
    int `[6]`, numbers of errors in the order of `KINDS`.

  Source: Bolya, Foley, Hays & Hoffman 2020, "TIDE: A General Toolbox for
    Identifying Object Detection Errors", section 2.2, in the order of its code.
  Deviation: matches are those of COCO, and errors are counted at one threshold
    of scores, not weighed by the average precision that they cost.

  Example:
    >>> import numpy as np
    >>> from robust_jax.boxes import Annotations, Detections
    >>> from robust_jax.statistics.detection.error_kinds import error_kinds
    >>> from robust_jax.statistics.detection.match import match
    >>> box, one = np.array([[0, 0, 10, 10]], np.float32), np.ones(1, np.int64)
    >>> truth = Annotations(box, one, np.zeros(1, bool))
    >>> confused = Detections(box, np.array([0.9]), 0 * one)
    >>> matches = match(truth, confused)
    >>> error_kinds(truth, confused, matches, threshold=0.5).tolist()
    [0, 1, 0, 0, 0, 0]
  """
  matched = matches.matched[0, 0]
  above = matches.scores >= threshold
  false = above & (matched < 0) & ~matches.ignored[0, 0]
  counted = matches.counted[0]
  found = np.zeros(len(counted) + 1, bool)
  found[matched[above]] = True
  wrong = matches.order[false]
  iou = boxes.iou(
    detections.boxes[wrong].astype(float), annotations.boxes.astype(float)
  )
  # The last column stands for no annotation at all.
  iou = np.pad(iou * counted, ((0, 0), (0, 1)))
  classes = np.append(annotations.classes, -1)
  alike = detections.classes[wrong][:, None] == classes
  same, other = iou * alike, iou * ~alike
  s, o = same.max(axis=1), other.max(axis=1)
  kinds = np.select(
    [
      (s >= _BACKGROUND) & (s < _FOREGROUND),
      o >= _FOREGROUND,
      s >= _FOREGROUND,
      np.maximum(s, o) < _BACKGROUND,
    ],
    range(4),
    4,
  )
  found[same.argmax(axis=1)[kinds == KINDS.index("location")]] = True
  found[other.argmax(axis=1)[kinds == KINDS.index("class")]] = True
  missed = (counted & ~found[:-1]).sum()
  return np.append(np.bincount(kinds, minlength=5), missed)


def added_errors(
  clean: np.ndarray,
  changed: np.ndarray,
  conditions: Sequence[Condition],
  *,
  draws: int = 2000,
  level: float = 0.95,
  method: Method = "bca",
  seed: int = 0,
) -> dict[str, dict[str, Estimate]]:
  """Errors per image that changes cause: changed minus clean, paired by image.

  Args:
    clean: int `[N, 6]`, `error_kinds` of the images without a change.
    changed: int `[N, T, 6]`, under each of T conditions, at the same threshold.
    conditions: the conditions.
    draws: number of bootstrap draws.
    level: confidence level of the intervals.
    method: "bca" or "percentile"; see `bootstrap`.
    seed: seed of the draws.

  Returns:
    "overall", the mean over families, and each family -> each of `KINDS` and
    `FALSE_POSITIVES` -> mean number per image. A number is negative where a
    change removes errors.

  Raises:
    ValueError: shapes do not match.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.detection.error_kinds import added_errors
    >>> from robust_jax.statistics.outcomes import Condition
    >>> clean, changed = np.zeros((4, 6)), np.zeros((4, 1, 6))
    >>> changed[:, :, 5] = [[0], [1], [1], [4]]
    >>> found = added_errors(clean, changed, [Condition("blur", "zoom", 1)])
    >>> found["blur"]["missed"].value
    1.5
  """
  shape = (len(clean), len(conditions), len(KINDS))
  if clean.shape[1:] != shape[2:] or changed.shape != shape:
    raise ValueError(
      f"errors of shape {clean.shape} and changed {changed.shape}: expected "
      f"[N, {len(KINDS)}] and [N, {len(conditions)}, {len(KINDS)}]."
    )
  averages = weighted_averages(conditions)
  names = [*KINDS, FALSE_POSITIVES]
  false = lambda counts: np.concatenate(
    [counts, counts[..., :-1].sum(axis=-1, keepdims=True)], axis=-1
  )
  added = false(changed) - false(clean)[:, None]
  rows = [key for key in averages.columns if len(key) <= 1]
  weights = averages.matrix[:, [averages.columns[key] for key in rows]]
  table = np.einsum("ntk,tr->nrk", added, weights).reshape(len(clean), -1)
  result = bootstrap(
    table,
    lambda sums: sums / len(clean),
    draws=draws,
    level=level,
    method=method,
    seed=seed,
  )
  estimates = map(result.estimate, range(table.shape[1]))
  return {
    "overall" if key == OVERALL else str(key[0]): {
      name: next(estimates) for name in names
    }
    for key in rows
  }
