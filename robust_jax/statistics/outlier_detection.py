"""Whether a score tells images of unknown kinds from known ones."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class OutlierDetection:
  """Shares in [0, 1]; outliers are the positives.

  Attributes:
    auroc: chance that an outlier scores above an inlier; 0.5 knows nothing.
    aupr: average precision; `base_rate` knows nothing.
    fpr95: share of inliers taken for outliers where 95 % of outliers are found.
    base_rate: share of outliers.
  """

  auroc: float
  aupr: float
  fpr95: float
  base_rate: float


def outlier_detection(
  inliers: np.ndarray, outliers: np.ndarray
) -> OutlierDetection:
  """AUROC, AUPR and FPR95 of a score that is higher for outliers.

  The usual score is minus the largest softmax probability; for ImageNet-O over
  its 200 classes, on both sets.

  Args:
    inliers: `[N]` scores of images of known kinds.
    outliers: `[M]` scores of others.

  Raises:
    ValueError: no scores on one side, other shapes, or NaN.

  Source: Hendrycks & Gimpel 2017; Hendrycks et al. 2021, "Natural Adversarial
  Examples", for outliers as positives.
  """
  import sklearn.metrics  # takes a second that other commands need not wait

  inliers, outliers = np.asarray(inliers, float), np.asarray(outliers, float)
  for name, scores in (("inliers", inliers), ("outliers", outliers)):
    if scores.ndim != 1 or scores.size == 0 or np.isnan(scores).any():
      raise ValueError(
        f"{name} of shape {scores.shape}, {int(np.isnan(scores).sum())} of "
        "them NaN: wanted a list of scores, at least one."
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
    fpr95=float(false_alarms[np.argmax(found >= 0.95)]),
    base_rate=len(outliers) / len(positive),
  )
