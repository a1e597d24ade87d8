"""Black-box shift estimation (BBSE) of a target's class proportions."""

from typing import NamedTuple

import numpy as np

# Smallest over largest singular value, below which sampling noise is amplified
# more than a thousandfold.
_NEAR_SINGULAR = 1e-3


class LabelShift(NamedTuple):
  """An estimated label shift.

  Attributes:
    weights: target proportion over source proportion of each class `[K]`; 0 or
      more, and 1 on average over source examples.
    target: class proportions of the target `[K]`, which sum to 1.
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
  """Black-box shift estimation (BBSE): class weights from predictions.

      C w = mu

  where C_ij is the fraction of source examples that have class j and are
  predicted as i, and mu_i the fraction of target examples predicted as i. It
  assumes that the domains differ in their class proportions only, with the same
  p(x | y). The classifier need not be accurate or calibrated, but its confusion
  matrix has to be invertible.

  If the images differ as well, as between MNIST and MNIST-M, the assumption is
  violated and the estimate is wrong, unless the features are aligned.

  Args:
    source_labels: classes `[N]`, integers in 0..K-1, of held-out source
      examples. On training examples the classifier makes too few errors.
    source_probabilities: the classifier's predictions `[N, K]` for them.
    target_probabilities: its predictions `[M, K]` for target examples.
    soft: whether probabilities are averaged, which reduces sampling noise,
      instead of the predicted classes.

  Returns:
    The weights, and the class proportions of the target.

  Raises:
    ValueError: arrays do not fit or are not probabilities, a class has no
      source examples, or the confusion matrix is (nearly) singular.

  Source: Lipton, Wang and Smola, "Detecting and Correcting for Label Shift with
  Black Box Predictors", 2018, section 4. Negative weights, which can result
  from sampling, become 0, and the others are scaled to a mean of 1 over the
  source; the paper specifies neither.

  Example:
    >>> import numpy as np
    >>> from robust_jax.probes.label_shift import label_shift
    >>> labels = np.array([0, 0, 1, 1])
    >>> source, target = np.eye(2)[labels], np.eye(2)[[0, 1, 1, 1]]
    >>> label_shift(labels, source, target).weights.round(3).tolist()
    [0.5, 1.5]
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
    # NaN fails the comparisons; rows of float32 sum to 1 up to rounding.
    if not ((p >= 0).all() and (np.abs(p.sum(1) - 1) <= 1e-3).all()):
      raise ValueError(
        f"{name} probabilities with rows that are negative or do not sum to "
        "1: expected softmax(logits), or one-hot predictions."
      )


def _check_invertible(confusion):
  absent = np.flatnonzero(confusion.sum(0) == 0).tolist()
  if absent:
    raise ValueError(
      f"no source example of class {absent}, so the weight cannot be "
      "estimated: expected held-out examples of every class. Add some, or "
      "remove the class."
    )
  given_class = confusion / confusion.sum(0)
  _, sizes, directions = np.linalg.svd(given_class)
  if sizes[-1] > _NEAR_SINGULAR * sizes[0]:
    return
  never = np.flatnonzero(confusion.sum(1) == 0).tolist()
  # Predictions do not show a shift between the classes of this vector.
  alike = np.flatnonzero(np.abs(directions[-1]) > 0.1).tolist()
  raise ValueError(
    "the classifier's confusion matrix on the source is singular or nearly so "
    f"(singular values down to {sizes[-1]:.1e}): its predictions do not tell "
    f"classes {alike} apart"
    + (f", and never are {never}. " if never else ". ")
    + "Train it further, merge these classes, or use more held-out examples."
  )
