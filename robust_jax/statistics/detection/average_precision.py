"""Average precision of a detector, by class and by size, with intervals."""

import dataclasses
from collections.abc import Callable

import numpy as np

from robust_jax.statistics.bootstrap import (
  Estimate,
  Method,
  exact_interval_if_degenerate,
)
from robust_jax.statistics.detection.match import SIZES
from robust_jax.statistics.detection.ranking import MEASURES, Ranking, measures
from robust_jax.statistics.resampling import Resampled, resample


@dataclasses.dataclass(frozen=True)
class PrecisionRow:
  """Measures of some objects in percent; None where there are no objects.

  Attributes:
    objects: number of annotations that are counted.
    ap: mean AP over IoUs of 0.50, 0.55, ..., 0.95.
    ap50: AP at an IoU of 0.50.
    ap75: AP at an IoU of 0.75.
    ar: mean over these IoUs of the recall of 100 detections per class.
  """

  objects: int
  ap: Estimate | None
  ap50: Estimate | None
  ap75: Estimate | None
  ar: Estimate | None


@dataclasses.dataclass(frozen=True)
class AveragePrecision:
  """Average precision of a detector; `dataclasses.asdict` is JSON.

  Attributes:
    images: N.
    overall: means over classes.
    classes: rows of classes 0..K-1.
    sizes: means over classes for objects of each size, by the areas of boxes in
      the pixels of the images.
    level: confidence level of the intervals.
    draws: number of bootstrap draws.
    method: method of the bootstrap.
    seed: seed of the bootstrap.
  """

  images: int
  overall: PrecisionRow
  classes: list[PrecisionRow]
  sizes: dict[str, PrecisionRow]
  level: float
  draws: int
  method: Method
  seed: int


def average_precision(
  ranking: Ranking,
  *,
  draws: int = 1000,
  level: float = 0.95,
  method: Method = "bca",
  seed: int = 0,
) -> AveragePrecision:
  """Average precision as COCO defines it, with intervals over images.

  Images are resampled whole. An average precision is not a function of sums
  over images, but it is one of the numbers of copies of each image: `measures`
  computes it for all draws, of detections that are matched and sorted once. The
  maxima of precision are larger where fewer images differ, so the draws lie
  above the value; "bca" corrects for it, and "percentile" does not.

  A class that is in few images may be missing from a draw, and is then left
  out of the means.

  Args:
    ranking: detections of N images, none left out for a low score.
    draws: number of bootstrap draws.
    level: confidence level of the intervals.
    method: "bca" or "percentile"; see `bootstrap`.
    seed: seed of the draws.

  Returns:
    An `AveragePrecision`.

  Example:
    >>> import numpy as np
    >>> from robust_jax.boxes import Annotations, Detections
    >>> from robust_jax.statistics.detection.average_precision import (
    ...   average_precision,
    ... )
    >>> from robust_jax.statistics.detection.match import match
    >>> from robust_jax.statistics.detection.ranking import rank
    >>> box, one = np.array([[0, 0, 10, 10]], np.float32), np.zeros(1, np.int64)
    >>> truth = Annotations(box, one, np.zeros(1, bool))
    >>> found = Detections(box, np.array([0.9]), one)
    >>> missed = Detections(box + 20, np.array([0.8]), one)
    >>> images = [match(truth, found)] * 3 + [match(truth, missed)]
    >>> report = average_precision(rank(images, 1), draws=100)
    >>> round(report.overall.ap.value, 2)  # precision 1 up to a recall of 3/4
    75.25
  """
  rows = {
    size: _rows(ranking, size, draws, level, method, seed) for size in SIZES
  }
  overall, *classes = rows.pop("all")
  return AveragePrecision(
    images=ranking.num_images,
    overall=overall,
    classes=classes,
    sizes={size: row[0] for size, row in rows.items()},
    level=level,
    draws=draws,
    method=method,
    seed=seed,
  )


def draw_precision(
  ranking: Ranking, *, draws: int = 1000, seed: int = 0
) -> Resampled:
  """Resamples the means over classes of `MEASURES`, in this order.

  Args:
    ranking: detections of N images, under one condition.
    draws: number of draws.
    seed: seed of the draws. Conditions and models of the same images are
      compared by the same draws.
  """
  means = lambda counts: measures(ranking, counts)[:, 0]
  return resample(means, ranking.num_images, draws=draws, seed=seed)


def _rows(ranking, size, draws, level, method, seed):
  """Returns a `PrecisionRow` of all classes, and one of each."""
  annotated = ranking.annotated[[*SIZES].index(size)]
  annotated = np.concatenate([annotated.sum(axis=0)[None], annotated])
  objects = annotated.sum(axis=1)
  known = np.flatnonzero(objects)
  found: dict[int, dict[str, Estimate]] = {}
  if known.size:
    result = resample(
      _flat(ranking, size, known), ranking.num_images, draws=draws, seed=seed
    ).bootstrap(level, method)
    images = np.repeat((annotated > 0).sum(axis=1)[known], len(MEASURES))
    result = exact_interval_if_degenerate(result, (0.0, 100.0), images, level)
    for i, (row, name) in enumerate((r, m) for r in known for m in MEASURES):
      found.setdefault(row, {})[name] = result.estimate(i)
  nothing = dict.fromkeys(MEASURES)
  return [
    PrecisionRow(int(count), **found.get(row, nothing))
    for row, count in enumerate(objects)
  ]


def _flat(ranking, size, rows) -> Callable[[np.ndarray], np.ndarray]:
  def statistic(counts):
    values = measures(ranking, counts, size)[:, rows]
    return values.reshape(len(counts), -1)

  return statistic
