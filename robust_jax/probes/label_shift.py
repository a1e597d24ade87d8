"""Class proportions of a target whose labels are not known."""

from typing import NamedTuple

import numpy as np

# Smallest over largest singular value: below, sampling noise is enlarged more
# than a thousandfold, and what comes out is nothing else.
_NEAR_SINGULAR = 1e-3


class LabelShift(NamedTuple):
  """What `label_shift` finds.

  Attributes:
    weights: `[K]`, target fraction over source fraction of each class; 0 or
      more, and 1 on average over source examples.
    target: `[K]`, the target's class proportions; they add up to 1.
  """

  weights: np.ndarray
  target: np.ndarray


def label_shift(
  source_labels: np.ndarray,
  source_probabilities: np.ndarray,
  target_probabilities: np.ndarray,
  *,
  soft: bool = False,
) -> LabelShift:
  """Black-box shift estimation: weights of classes from a classifier's answers.

  If the domains differ in nothing but their class proportions, p(x | y) being
  the same, then so is what the classifier answers to each class. With C_ij the
  fraction of source examples of class j that are answered i, and mu_i the
  fraction of target examples that are answered i, the weights solve `C w = mu`.
  The classifier need not be good or calibrated; its confusion matrix must be
  invertible.

  A shift of the images as well, as between MNIST and MNIST-M, breaks the
  assumption, and with it this estimate, until the features are aligned.

  Args:
    source_labels: `[N]` integers in 0..K-1, of source examples held out of
      training: on those that it was trained on the classifier errs too rarely.
    source_probabilities: `[N, K]`, the classifier's answers to them.
    target_probabilities: `[M, K]`, its answers to the target.
    soft: averages the probabilities themselves (less noise of sampling);
      otherwise the largest counts as the answer.

  Raises:
    ValueError: arrays that do not fit or are no probabilities; a class without
      source examples; or a confusion matrix that is singular or nearly so.

  Source: Lipton, Wang, Smola, "Detecting and Correcting for Label Shift with
  Black Box Predictors", 2018, section 4. Negative weights, which sampling can
  cause, become 0, and the rest is scaled to an average of 1 over the source;
  the paper leaves both open.
  """
  source_labels = np.asarray(source_labels)
  source, target = (
    np.asarray(p, np.float64)
    for p in (source_probabilities, target_probabilities)
  )
  _check(source_labels, source, target)
  num_classes = source.shape[1]
  labels = np.eye(num_classes)[source_labels]
  if not soft:
    source, target = (
      np.eye(num_classes)[p.argmax(1)] for p in (source, target)
    )
  confusion = source.T @ labels / len(labels)
  _check_invertible(confusion)
  weights = np.maximum(np.linalg.solve(confusion, target.mean(0)), 0.0)
  proportions = labels.mean(0)
  weights /= proportions @ weights
  return LabelShift(weights, proportions * weights)


def _check(labels, source, target):
  if (
    source.ndim != 2
    or target.ndim != 2
    or source.shape[1] != target.shape[1]
    or labels.shape != (len(source),)
    or 0 in (len(source), len(target))
  ):
    raise ValueError(
      f"labels of shape {labels.shape}, source probabilities {source.shape} "
      f"and target probabilities {target.shape}: expected [N], [N, K] and [M, "
      "K]."
    )
  if (
    not np.issubdtype(labels.dtype, np.integer)
    or labels.min() < 0
    or labels.max() >= source.shape[1]
  ):
    raise ValueError(
      f"source labels of dtype {labels.dtype} from {labels.min()} to "
      f"{labels.max()}: expected integers in 0..{source.shape[1] - 1}."
    )
  for name, p in (("source", source), ("target", target)):
    # NaN fails the comparisons; rows of float32 add up to 1 within roundings.
    if not ((p >= 0).all() and (np.abs(p.sum(1) - 1) <= 1e-3).all()):
      raise ValueError(
        f"{name} probabilities with rows that are negative or do not add up "
        "to 1: expected softmax(logits), or one-hot answers."
      )


def _check_invertible(confusion):
  absent = np.flatnonzero(confusion.sum(0) == 0).tolist()
  if absent:
    raise ValueError(
      f"no source example of class {absent}: their weight in the target cannot "
      "be told. Leave them out of the classes, or hold examples of them out."
    )
  given_class = confusion / confusion.sum(0)
  _, sizes, directions = np.linalg.svd(given_class)
  if sizes[-1] > _NEAR_SINGULAR * sizes[0]:
    return
  never = np.flatnonzero(confusion.sum(1) == 0).tolist()
  # What the answers do not show is a shift between the classes of this vector.
  alike = np.flatnonzero(np.abs(directions[-1]) > 0.1).tolist()
  raise ValueError(
    "the classifier's confusion matrix on the source is singular or nearly so "
    f"(singular values down to {sizes[-1]:.1e}): classes {alike} cannot be "
    "told apart by its answers"
    + (f", and {never} are never answered. " if never else ". ")
    + "Train it further, merge these classes, or use more held-out examples."
  )
