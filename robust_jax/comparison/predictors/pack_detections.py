"""Detections of several images in one array."""

from collections.abc import Sequence

import numpy as np

from robust_jax import checks
from robust_jax.boxes import Detections

PER_CLASS, PER_IMAGE = 100, 1000
"""Largest numbers of detections that count, of a class and of an image."""


def slots(num_classes: int) -> int:
  """Returns M, the largest number of detections of an image that are kept.

  Example:
    >>> from robust_jax.comparison.predictors import pack_detections
    >>> pack_detections.slots(4), pack_detections.slots(80)
    (400, 1000)
  """
  checks.at_least_one("num_classes", num_classes)
  return min(PER_CLASS * num_classes, PER_IMAGE)


def pack(detections: Sequence[Detections], num_classes: int) -> np.ndarray:
  """Packs the best detections of each image, by descending score.

  The best 100 of each class are kept, which are all that count in the average
  precision of COCO, and at most 1,000 in all. Of equal scores the first ones
  count as better. A detection with a number that is not finite is left out.

  Args:
    detections: those of B images.
    num_classes: K.

  Returns:
    float32 `[B, M, 6]` of left, top, right, bottom, score and class, with M
    from `slots`. Rows without a detection are NaN.

  Example:
    >>> import numpy as np
    >>> from robust_jax.boxes import Detections
    >>> from robust_jax.comparison.predictors.pack_detections import pack
    >>> one = Detections(np.ones((1, 4)), np.array([0.9]), np.array([2]))
    >>> pack([one], 3)[0, 0].tolist()
    [1.0, 1.0, 1.0, 1.0, 0.8999999761581421, 2.0]
  """
  packed = np.full((len(detections), slots(num_classes), 6), np.nan, np.float32)
  for rows, found in zip(packed, detections, strict=True):
    best = _best(found)[: len(rows)]
    rows[: len(best)] = best
  return packed


def unpack(packed: np.ndarray) -> list[Detections]:
  """Returns the detections of each image, the inverse of `pack`.

  Example:
    >>> import numpy as np
    >>> from robust_jax.comparison.predictors.pack_detections import unpack
    >>> len(unpack(np.full((2, 100, 6), np.nan))[0].scores)
    0
  """
  found = []
  for rows in packed:
    rows = rows[~np.isnan(rows[:, 4])]
    classes = rows[:, 5].astype(np.int64)
    found.append(Detections(rows[:, :4], rows[:, 4], classes))
  return found


def _best(found: Detections) -> np.ndarray:
  """The best `[m, 6]` of each class, by descending score."""
  rows = np.column_stack([found.boxes, found.scores, found.classes])
  rows = rows.astype(np.float32)
  rows = rows[np.isfinite(rows).all(axis=1)]
  rows = rows[np.argsort(-rows[:, 4], kind="stable")]
  # The rank of each row among those of its class.
  order = np.argsort(rows[:, 5], kind="stable")
  first = np.searchsorted(rows[order, 5], rows[order, 5])
  rank = np.empty(len(rows), int)
  rank[order] = np.arange(len(rows)) - first
  return rows[rank < PER_CLASS]
