"""Correctness of predictions for subsets of classes and for sets of labels."""

from collections.abc import Collection, Sequence

import numpy as np


def subset_accuracy(
  scores: np.ndarray, labels: np.ndarray, classes: Sequence[int]
) -> np.ndarray:
  """Correctness of predictions within a subset of the classes.

  ImageNet-A and -R contain 200 of ImageNet's 1000 classes. The other classes
  are excluded from the prediction, and accuracies are compared with those on
  the same 200 classes of the validation set.

  Args:
    scores: `[N, K]` for all classes. NaN within the subset counts as wrong.
    labels: int `[N]` in 0..K-1, members of `classes`.
    classes: indices of the subset among the K classes.

  Returns:
    bool `[N]`.

  Raises:
    ValueError: shapes do not match, classes are repeated or outside 0..K-1, or
      a label is not in the subset.

  Source: Hendrycks et al. 2021, "Natural Adversarial Examples".

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.label_sets import subset_accuracy
    >>> scores = np.array([[0.1, 0.7, 0.2]])  # class 1 is not in the subset
    >>> subset_accuracy(scores, np.array([2]), classes=[0, 2]).tolist()
    [True]
  """
  scores, labels = np.asarray(scores), np.asarray(labels)
  subset = np.asarray(classes)
  if scores.ndim != 2 or labels.shape != scores.shape[:1]:
    raise ValueError(
      f"scores of shape {scores.shape} and labels of shape {labels.shape}: "
      "expected [N, K] and [N]."
    )
  outside = (subset < 0) | (subset >= scores.shape[1])
  if len(np.unique(subset)) < subset.size or outside.any():
    raise ValueError(
      f"{subset.size} classes from {subset.min(initial=0)} to "
      f"{subset.max(initial=0)}: expected each once, in "
      f"0..{scores.shape[1] - 1}."
    )
  others = ~np.isin(labels, subset)
  if others.any():
    raise ValueError(
      f"{int(others.sum())} labels, such as {labels[others][0]}, are not "
      f"among the {subset.size} classes: expected labels of the subset, as "
      "indices into all of the model's classes."
    )
  scores = scores[:, subset]
  predictions = subset[scores.argmax(axis=1)]
  return (predictions == labels) & ~np.isnan(scores).any(axis=1)


def multilabel_accuracy(
  classes: np.ndarray, label_sets: Sequence[Collection[int]]
) -> np.ndarray:
  """Correctness of predictions where an example may have several labels.

  Args:
    classes: int `[N]`, predicted classes.
    label_sets: N nonempty sets of classes. Examples without labels say nothing
      about a model and must be left out.

  Returns:
    bool `[N]`: whether the prediction is one of the labels.

  Raises:
    ValueError: the numbers of predictions and sets differ, or a set is empty.

  Source: Beyer et al. 2020, "Are we done with ImageNet?" (ReaL accuracy).

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.label_sets import multilabel_accuracy
    >>> multilabel_accuracy(np.array([3, 5]), [{3, 4}, {3}]).tolist()
    [True, False]
  """
  classes = np.asarray(classes)
  if classes.shape != (len(label_sets),):
    raise ValueError(
      f"classes of shape {classes.shape} and {len(label_sets)} sets of labels: "
      "expected one of each for every example."
    )
  empty = [i for i, labels in enumerate(label_sets) if not labels]
  if empty:
    raise ValueError(
      f"{len(empty)} examples have no labels, example {empty[0]} first: leave "
      "them out."
    )
  pairs = zip(classes.tolist(), label_sets, strict=True)
  return np.array([predicted in labels for predicted, labels in pairs], bool)
