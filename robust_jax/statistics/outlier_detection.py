"""Out-of-distribution detection: AUROC, AUPR and FPR95 of a score."""

import dataclasses
from typing import Literal

import numpy as np

Recall = Literal["reached", "nearest"]


@dataclasses.dataclass(frozen=True)
class OutlierDetection:
  """Detection metrics as fractions in [0, 1]; outliers are the positives.

  Attributes:
    auroc: area under the ROC curve, the probability that an outlier scores
      above an inlier; 0.5 at chance.
    aupr: average precision; `base_rate` at chance.
    fpr95: false positive rate at a recall of 95 %, at the threshold chosen by
      `recall`.
    base_rate: fraction of outliers.
  """

  auroc: float
  aupr: float
  fpr95: float
  base_rate: float


def outlier_detection(
  inliers: np.ndarray, outliers: np.ndarray, *, recall: Recall = "reached"
) -> OutlierDetection:
  """AUROC, AUPR and FPR95 of a score that is higher for outliers.

  The usual score is minus the largest softmax probability; for ImageNet-O over
  its 200 classes, for inliers and outliers alike.

  The threshold of 95 % recall is a convention, which matters for few outliers:
  with 20 of them, "reached" may give 0.405 where "nearest" gives 0.87. For many
  outliers the two hardly differ.

  Args:
    inliers: scores `[N]` of examples of known classes.
    outliers: scores `[M]` of other examples.
    recall: threshold of FPR95. "reached" is the highest threshold with a recall
      of at least 95 %. "nearest" follows the published code: the recall nearest
      to 95 % from either side, and of several thresholds with this recall the
      lowest, which has the most false positives; of those with full recall
      the highest. Use it to compare with published tables.

  Returns:
    An `OutlierDetection`.

  Raises:
    ValueError: a side has no scores, shapes are wrong, scores are NaN, or
      `recall` is unknown.

  Source: Hendrycks & Gimpel 2017; Hendrycks et al. 2021, "Natural Adversarial
    Examples", for outliers as positives; "nearest" is `fpr_and_fdr_at_recall`
    of their code.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.outlier_detection import outlier_detection
    >>> found = outlier_detection(np.array([0.1, 0.2]), np.array([0.8, 0.9]))
    >>> found.auroc, found.fpr95
    (1.0, 0.0)
  """
  import sklearn.metrics  # imported here because it takes a second

  if recall not in ("reached", "nearest"):
    raise ValueError(f"recall = '{recall}': expected 'reached' or 'nearest'.")
  inliers, outliers = np.asarray(inliers, float), np.asarray(outliers, float)
  for name, scores in (("inliers", inliers), ("outliers", outliers)):
    if scores.ndim != 1 or scores.size == 0 or np.isnan(scores).any():
      raise ValueError(
        f"{name} of shape {scores.shape}, {int(np.isnan(scores).sum())} of "
        "them NaN: expected a list of scores, at least one."
      )
  positive = np.repeat([0, 1], [len(inliers), len(outliers)])
  # Ranks, since scikit-learn refuses infinite scores.
  _, scores = np.unique(
    np.concatenate([inliers, outliers]), return_inverse=True
  )
  false_alarms, found, _ = sklearn.metrics.roc_curve(
    positive, scores, drop_intermediate=False
  )
  return OutlierDetection(
    auroc=float(sklearn.metrics.roc_auc_score(positive, scores)),
    aupr=float(sklearn.metrics.average_precision_score(positive, scores)),
    fpr95=float(false_alarms[_threshold(found, recall)]),
    base_rate=len(outliers) / len(positive),
  )


def _threshold(found: np.ndarray, recall: Recall) -> int:
  """Returns the index of the recall, increasing `[T]`, used for 95 %."""
  if recall == "reached":
    return int(np.argmax(found >= 0.95))
  complete = int(np.argmax(found == 1))
  # Reversed: of thresholds with equal recall, the one with most false
  # positives.
  distance = np.abs(found[complete::-1] - 0.95)
  return complete - int(np.argmin(distance))
