"""How well images are redrawn under another label, in their own style."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from robust_jax.types import Array

Judge = Callable[[np.ndarray], np.ndarray]
"""images `[B, H, W, C]` -> classes `[B]`, by a classifier that no part of the
attribute_swap was trained with."""


class AttributeSwap(NamedTuple):
  """What was measured on images redrawn as each of K classes.

  Attributes:
    agreement: `[K]`, the fraction of images of other classes, redrawn as this
      one, in which the judge sees it.
    style: by name of the measure, `[K]`: the correlation of original and
      redrawn over the images of other classes, see `attribute_swap`.
  """

  agreement: np.ndarray
  style: dict[str, np.ndarray]


def attribute_swap(
  redraw: Callable[[np.ndarray, np.ndarray], Array],
  x: np.ndarray,
  labels: np.ndarray,
  num_classes: int,
  judge: Judge,
  measures: dict[str, Callable[[np.ndarray], Array]],
) -> AttributeSwap:
  """Redraws every image as every other class, and measures what came out.

  Classes differ in style: a seven leans, a one has little ink. So that this is
  not taken for a style kept, measures of originals are compared within their
  class: its mean is subtracted, and so is the mean of what it became. What is
  left correlates only as far as the images of one class keep their differences
  when they are redrawn.

  Args:
    redraw: `(x [B, ...], classes [B]) -> x'`.
    x: `[N, H, W, C]`.
    labels: `[N]`, the classes of x.
    num_classes: K.
    judge: says what the redrawn images show.
    measures: images `[B, ...]` -> numbers `[B]`, by name.
  """
  before = {name: np.asarray(m(x)) for name, m in measures.items()}
  agreement, style = [], {name: [] for name in measures}
  for target in range(num_classes):
    other = labels != target
    redrawn = np.asarray(redraw(x[other], np.full(other.sum(), target)))
    agreement.append(np.mean(judge(redrawn) == target))
    for name, measure in measures.items():
      style[name].append(
        _correlation(
          _within(before[name][other], labels[other]),
          _within(np.asarray(measure(redrawn)), labels[other]),
        )
      )
  return AttributeSwap(
    np.array(agreement), {name: np.array(v) for name, v in style.items()}
  )


def _within(values, labels):
  """The deviation of each value from the mean of its class."""
  centerd = np.array(values, np.float64)
  for label in np.unique(labels):
    centerd[labels == label] -= centerd[labels == label].mean()
  return centerd


def _correlation(a, b):
  """Of two centerd samples; 0 where one does not vary."""
  scale = np.sqrt((a @ a) * (b @ b))
  return a @ b / scale if scale > 0 else 0.0
