"""Whether a score tells images of unknown kinds from known ones."""

import dataclasses
from typing import Literal

import numpy as np

Recall = Literal["reached", "nearest"]


@dataclasses.dataclass(frozen=True)
class OutlierDetection:
  """Fractions in [0, 1]; outliers are the positives.

  Attributes:
    auroc: chance that an outlier scores above an inlier; 0.5 knows nothing.
    aupr: average precision; `base_rate` knows nothing.
    fpr95: fraction of inliers taken for outliers where 95 % of outliers are
      found, at the threshold that `recall` chooses.
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
  its 200 classes, on both sets.

  At which threshold 95 % of the outliers are found is a convention, and of few
  outliers it matters: with 20, "reached" may give 0.405 where "nearest" gives
  0.87. Of many outliers, the two hardly differ.

  Args:
    inliers: `[N]` scores of images of known kinds.
    outliers: `[M]` scores of others.
    recall: the threshold of FPR95. "reached" is the highest one at which at
      least 95 % of the outliers are found. "nearest" is that of the code
      published with the papers: its recall is nearest to 95 %, from below as
      well as from above, and of several thresholds with this recall it is the
      lowest one, which takes the most inliers for outliers; of those that find
      every outlier it is the highest. Take it to compare with published tables.

  Raises:
    ValueError: no scores on one side, other shapes, NaN, or another `recall`.

  Source: Hendrycks & Gimpel 2017; Hendrycks et al. 2021, "Natural Adversarial
  Examples", for outliers as positives; "nearest" as `fpr_and_fdr_at_recall` of
  their code.
  """
  import sklearn.metrics  # takes a second that other commands need not wait

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
  # Ranks, since scikit-learn refuses the infinite scores of a sure model.
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
  """Which of the recalls `[T]`, increasing, is taken for 95 %."""
  if recall == "reached":
    return int(np.argmax(found >= 0.95))
  complete = int(np.argmax(found == 1))
  # From the last on: of thresholds of one recall, the one with most alarms.
  distance = np.abs(found[complete::-1] - 0.95)
  return complete - int(np.argmin(distance))
