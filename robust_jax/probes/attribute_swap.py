"""Measurement of attribute swaps: the new class, and the style that is kept."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

IndependentClassifier = Callable[[np.ndarray], np.ndarray]
"""images `[B, H, W, C]` -> classes `[B]`, by a classifier that took no part in
training the autoencoder."""


class AttributeSwap(NamedTuple):
  """Measurements on images whose class is swapped for each of K classes.

  Attributes:
    agreement: fraction of swapped images that the independent classifier
      assigns to the new class, `[K]`.
    style: name of a measure -> correlation `[K]` of original and swapped
      images, see `attribute_swap`.
  """

  agreement: np.ndarray
  style: dict[str, np.ndarray]


def attribute_swap(
  reconstruct: Callable[[np.ndarray, np.ndarray], ArrayLike],
  x: np.ndarray,
  labels: np.ndarray,
  num_classes: int,
  classify: IndependentClassifier,
  measures: Mapping[str, Callable[[np.ndarray], ArrayLike]],
) -> AttributeSwap:
  """Swaps the class of every image for every other class, and measures both.

  Classes differ in style: sevens are slanted, ones have little ink. To exclude
  this from the correlation of styles, the mean of the original's class is
  subtracted from measures of originals, and the mean over swapped images of the
  same original class from those of swapped images. The correlation is then that
  of differences between images of one class.

  Args:
    reconstruct: `(x [B, ...], classes [B]) -> x'`, the images under other
      classes.
    x: images `[N, H, W, C]`.
    labels: classes `[N]` of x.
    num_classes: K.
    classify: the independent classifier, applied to swapped images.
    measures: name -> measure of style, images `[B, ...]` -> numbers `[B]`.

  Example:
    >>> import numpy as np
    >>> from robust_jax.probes.attribute_swap import attribute_swap
    >>> labels = np.array([0, 0, 1, 1])
    >>> x = np.stack([labels, [1, 3, 1, 5]], axis=1)  # class and style
    >>> swap = lambda x, classes: np.stack([classes, x[:, 1]], axis=1)
    >>> style = {"size": lambda x: x[:, 1]}
    >>> found = attribute_swap(swap, x, labels, 2, lambda x: x[:, 0], style)
    >>> found.agreement.tolist(), found.style["size"].round(3).tolist()
    ([1.0, 1.0], [1.0, 1.0])
  """
  before = {name: np.asarray(m(x)) for name, m in measures.items()}
  agreement: list[float] = []
  style: dict[str, list[float]] = {name: [] for name in measures}
  for target in range(num_classes):
    other = labels != target
    swapped = np.asarray(reconstruct(x[other], np.full(other.sum(), target)))
    agreement.append(np.mean(classify(swapped) == target).item())
    for name, measure in measures.items():
      style[name].append(
        _correlation(
          _within_class(before[name][other], labels[other]),
          _within_class(np.asarray(measure(swapped)), labels[other]),
        )
      )
  return AttributeSwap(
    np.array(agreement), {name: np.array(v) for name, v in style.items()}
  )


def _within_class(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
  """Subtracts the mean of each class."""
  centered = np.array(values, np.float64)
  for label in np.unique(labels):
    centered[labels == label] -= centered[labels == label].mean()
  return centered


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
  """The correlation of two centered samples; 0 if one does not vary."""
  scale = np.sqrt((a @ a) * (b @ b))
  return a @ b / scale if scale > 0 else 0.0
