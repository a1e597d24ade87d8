"""Right answers where several would be right."""

from collections.abc import Collection, Sequence

import numpy as np


def correct_among(
  classes: np.ndarray, label_sets: Sequence[Collection[int]]
) -> np.ndarray:
  """Which answers, bool `[N]`, are among the labels of their image.

  Args:
    classes: int `[N]`, what was answered.
    label_sets: N sets of classes, none of them empty: an image that nothing is
      right for says nothing about a model, and is left out beforehand.

  Raises:
    ValueError: other numbers of answers and sets, or an empty set.

  Source: Beyer et al. 2020, "Are we done with ImageNet?" (ReaL accuracy).
  """
  classes = np.asarray(classes)
  if classes.shape != (len(label_sets),):
    raise ValueError(
      f"classes of shape {classes.shape} and {len(label_sets)} sets of labels: "
      "wanted one of each for every image."
    )
  empty = [i for i, labels in enumerate(label_sets) if not labels]
  if empty:
    raise ValueError(
      f"{len(empty)} images have no labels, image {empty[0]} first: leave "
      "them out."
    )
  pairs = zip(classes.tolist(), label_sets, strict=True)
  return np.array([answer in labels for answer, labels in pairs], bool)
