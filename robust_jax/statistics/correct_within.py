"""Right answers where a data set has only some of a model's classes."""

from collections.abc import Sequence

import numpy as np


def correct_within(
  scores: np.ndarray, labels: np.ndarray, classes: Sequence[int]
) -> np.ndarray:
  """Which images, bool `[N]`, are right among a subset of the classes.

  ImageNet-A and -R have 200 of ImageNet's 1000 classes: the others cannot be
  the answer, and accuracies are compared with those on the same 200 classes of
  the validation set.

  Args:
    scores: `[N, K]`, of all classes. NaN among those of the subset is wrong.
    labels: int `[N]`, in 0..K-1, members of `classes`.
    classes: indices into the K classes.

  Raises:
    ValueError: other shapes, classes given twice or outside 0..K-1, or a label
      outside the subset.

  Source: Hendrycks et al. 2021, "Natural Adversarial Examples".
  """
  scores, labels = np.asarray(scores), np.asarray(labels)
  classes = np.asarray(classes)
  if scores.ndim != 2 or labels.shape != scores.shape[:1]:
    raise ValueError(
      f"scores of shape {scores.shape} and labels of shape {labels.shape}: "
      "wanted [N, K] and [N]."
    )
  outside = (classes < 0) | (classes >= scores.shape[1])
  if len(np.unique(classes)) < classes.size or outside.any():
    raise ValueError(
      f"{classes.size} classes from {classes.min(initial=0)} to "
      f"{classes.max(initial=0)}: wanted each once, in "
      f"0..{scores.shape[1] - 1}."
    )
  strangers = ~np.isin(labels, classes)
  if strangers.any():
    raise ValueError(
      f"{int(strangers.sum())} labels, such as {labels[strangers][0]}, are not "
      f"among the {classes.size} classes: wanted labels of the subset, as "
      "indices into all of the model's classes."
    )
  subset = scores[:, classes]
  answers = classes[subset.argmax(axis=1)]
  return (answers == labels) & ~np.isnan(subset).any(axis=1)
