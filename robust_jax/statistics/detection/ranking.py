"""Detections of many images by score: precision, recall and their averages."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import scipy.sparse

from robust_jax.statistics.detection.match import (
  SIZES,
  THRESHOLDS,
  Matches,
  joined,
)

RECALLS = np.linspace(0.0, 1.0, 101)
"""Levels of recall at which precision is averaged."""

MEASURES = ("ap", "ap50", "ap75", "ar")
"""AP over IoUs of 0.50, 0.55, ..., 0.95, at 0.50, at 0.75, and AR over all."""

# As many draws at a time as stay in a processor's cache.
_DRAWS = 256


@dataclasses.dataclass(frozen=True, eq=False)
class Ranking:
  """M detections in N images, by class, and within a class by score.

  Attributes:
    image: int `[M]`, image of each detection.
    true: bool `[sizes, thresholds, M]`, detections that match an annotation
      that is counted.
    ignored: bool `[sizes, thresholds, M]`.
    ends: int `[K]`, where the detections of each class end.
    annotated: int `[sizes, K, N]`, numbers of annotations that are counted.
  """

  image: np.ndarray
  true: np.ndarray
  ignored: np.ndarray
  ends: np.ndarray
  annotated: np.ndarray

  @property
  def num_classes(self) -> int:
    """K, with classes that have no annotations."""
    return len(self.ends)

  @property
  def num_images(self) -> int:
    """N, with images that have neither annotations nor detections."""
    return self.annotated.shape[-1]


def rank(images: Sequence[Matches], num_classes: int) -> Ranking:
  """Sorts the detections of all images, once for all weights of images.

  Args:
    images: matches of N images. Among equal scores, detections are in the
      order of the images.
    num_classes: K; classes are 0..K-1.

  Raises:
    ValueError: there are no images, or a class is outside 0..K-1.

  Example:
    >>> import numpy as np
    >>> from robust_jax.boxes import Annotations, Detections
    >>> from robust_jax.statistics.detection.match import match
    >>> from robust_jax.statistics.detection.ranking import measures, rank
    >>> box = np.array([[0, 0, 10, 10]], np.float32)
    >>> one = np.zeros(1, np.int64)
    >>> found = Detections(box, np.array([0.9]), one)
    >>> matches = match(Annotations(box, one, np.zeros(1, bool)), found)
    >>> measures(rank([matches], 2))[0, 1:, 0].tolist()  # the second has none
    [100.0, nan]
  """
  if not images:
    raise ValueError("no images: expected the matches of at least one.")
  classes = joined(images, "classes")
  objects = joined(images, "annotated_classes")
  for name, found in (("detections", classes), ("annotations", objects)):
    if ((found < 0) | (found >= num_classes)).any():
      raise ValueError(
        f"classes of {name} from {found.min()} to {found.max()}: expected "
        f"0..{num_classes - 1}."
      )
  order = np.lexsort([-joined(images, "scores"), classes])
  ignored = joined(images, "ignored")[..., order]
  numbers = np.arange(len(images))
  image = np.repeat(numbers, [len(m.classes) for m in images])
  where = np.repeat(numbers, [len(m.annotated_classes) for m in images])
  cells = objects * len(images) + where
  annotated = [
    np.bincount(cells[counted], minlength=num_classes * len(images))
    for counted in joined(images, "counted")
  ]
  return Ranking(
    image[order],
    (joined(images, "matched")[..., order] >= 0) & ~ignored,
    ignored,
    np.cumsum(np.bincount(classes, minlength=num_classes)),
    np.reshape(annotated, (len(SIZES), num_classes, len(images))),
  )


def measures(
  ranking: Ranking, counts: np.ndarray | None = None, size: str = "all"
) -> np.ndarray:
  """Average precision (AP) and recall (AR) for weights of the images.

  With detections in the order of their scores, precision p_i and recall r_i of
  the first i of them, the AP of a class at an IoU is the mean over
  r = 0, 0.01, ..., 1 of `max {p_i : r_i >= r}`, 0 where no r_i is as large. AR
  is the recall of all detections. Both are averaged over IoUs and classes.

  An image with a count of n counts as n copies of it; a draw of the bootstrap
  is a row of counts. Only true detections can be maxima, so the cost of a draw
  hardly grows with the number of false ones.

  Args:
    ranking: detections of N images.
    counts: whole numbers `[D, N]`, how many copies there are of each image;
      None for one of each.
    size: range of areas of annotations, a key of `SIZES`.

  Returns:
    Percentages `[D, 1 + K, 4]`: in row 0 the means over classes and in row
    1 + k class k, in columns the `MEASURES`. A class without annotations of the
    size is NaN and left out of means, and so is a mean over no class.
    pycocotools has -1 instead, and fractions.

  Raises:
    ValueError: the size is unknown.

  Source: Lin et al. 2014, "Microsoft COCO", and pycocotools' `COCOeval`, with
    100 detections of each class and image.
  """
  if size not in SIZES:
    raise ValueError(f"size = '{size}': expected one of {[*SIZES]}.")
  if counts is None:
    counts = np.ones((1, ranking.num_images))
  if len(counts) > _DRAWS:
    parts = range(0, len(counts), _DRAWS)
    return np.concatenate(
      [measures(ranking, counts[i : i + _DRAWS], size) for i in parts]
    )
  weights = np.ascontiguousarray(counts.T, float)
  of_size = [*SIZES].index(size)
  objects = ranking.annotated[of_size] @ weights
  shape = (len(THRESHOLDS), ranking.num_classes)
  found = np.zeros((2, *shape, len(counts)))
  for threshold, class_ in np.ndindex(shape):
    found[:, threshold, class_] = _average(
      ranking, of_size, threshold, class_, weights, objects[class_]
    )
  precision, recall = found
  of_classes = np.array(
    [precision.mean(axis=0), precision[0], precision[5], recall.mean(axis=0)]
  )
  defined = objects > 0
  with np.errstate(invalid="ignore"):
    mean = np.where(defined, of_classes, 0).sum(axis=1) / defined.sum(axis=0)
  return 100 * np.concatenate([mean[:, None], of_classes], axis=1).T


def _average(ranking, size, threshold, class_, weights, objects):
  """Returns (average precision, recall) `[D]`; NaN where there are no objects.

  The true detections are P points. Between them, and before the first, the
  counted detections of each image are added up once, and weighted in each draw.
  """
  own = slice(ranking.ends[class_ - 1] if class_ else 0, ranking.ends[class_])
  true = ranking.true[size, threshold, own]
  image = ranking.image[own]
  before = np.cumsum(true) - true
  used = ~ranking.ignored[size, threshold, own] & (before < true.sum())
  shape = (int(true.sum()), len(weights))
  entries = (np.ones(used.sum()), (before[used], image[used]))
  steps = scipy.sparse.csr_array(entries, shape=shape)
  num_found = _accumulate(np.add, steps @ weights)
  num_true = _accumulate(np.add, weights[image[true]])
  # Where nothing is found, nothing true is.
  precision = num_true / np.maximum(num_found, 1)
  _accumulate(np.maximum, precision[::-1])
  recall = num_true / np.maximum(objects, 1)
  levels = _levels(recall)
  added = np.einsum("pd,pd->d", precision, levels)
  added -= np.einsum("pd,pd->d", precision[1:], levels[:-1])
  last = recall[-1] if len(recall) else np.zeros(len(objects))
  return np.where(objects > 0, [added / len(RECALLS), last], np.nan)


def _accumulate(ufunc, rows):
  """`ufunc.accumulate(rows)`, in place; NumPy's goes column by column."""
  for previous, row in itertools.pairwise(rows):
    ufunc(previous, row, out=row)
  return rows


def _levels(recall):
  """Returns how many levels of recall are reached, as searchsorted would."""
  nearest = np.rint(100 * recall).astype(int)
  return nearest + (RECALLS[nearest] <= recall)
