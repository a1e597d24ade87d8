"""Right answers where a dataset has only some of a model's classes."""

from collections.abc import Collection, Sequence

import numpy as np


def subset_accuracy(
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
      "expected [N, K] and [N]."
    )
  outside = (classes < 0) | (classes >= scores.shape[1])
  if len(np.unique(classes)) < classes.size or outside.any():
    raise ValueError(
      f"{classes.size} classes from {classes.min(initial=0)} to "
      f"{classes.max(initial=0)}: expected each once, in "
      f"0..{scores.shape[1] - 1}."
    )
  strangers = ~np.isin(labels, classes)
  if strangers.any():
    raise ValueError(
      f"{int(strangers.sum())} labels, such as {labels[strangers][0]}, are not "
      f"among the {classes.size} classes: expected labels of the subset, as "
      "indices into all of the model's classes."
    )
  subset = scores[:, classes]
  answers = classes[subset.argmax(axis=1)]
  return (answers == labels) & ~np.isnan(subset).any(axis=1)


def multilabel_accuracy(
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
      "expected one of each for every image."
    )
  empty = [i for i, labels in enumerate(label_sets) if not labels]
  if empty:
    raise ValueError(
      f"{len(empty)} images have no labels, image {empty[0]} first: leave "
      "them out."
    )
  pairs = zip(classes.tolist(), label_sets, strict=True)
  return np.array([answer in labels for answer, labels in pairs], bool)
