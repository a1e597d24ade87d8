"""Checked and standardized data of a probe."""

import numpy as np


def probe_data(
  features: np.ndarray,
  labels: np.ndarray,
  held_out_features: np.ndarray,
  held_out_labels: np.ndarray,
  *,
  max_examples: int,
  seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Standardizes features by the mean and deviation of the training features.

  Args:
    features: features `[N, D]` of the training examples.
    labels: classes `[N]`, integers.
    held_out_features: features `[M, D]` of held-out examples.
    held_out_labels: classes `[M]`, integers.
    max_examples: number of training examples to use; of more, a random subset
      is drawn.
    seed: seed of that draw.

  Returns:
    The four arrays, with features in float32. Features that are constant on the
    training examples are centered, but not scaled.

  Raises:
    ValueError: shapes do not fit, there are no examples, labels are not
      integers, or a feature is not finite.
  """
  x, held_out_x = np.asarray(features), np.asarray(held_out_features)
  y, held_out_y = np.asarray(labels), np.asarray(held_out_labels)
  _check("training", x, y)
  _check("held-out", held_out_x, held_out_y)
  if x.shape[1] != held_out_x.shape[1]:
    raise ValueError(
      f"{x.shape[1]} training features but {held_out_x.shape[1]} held-out "
      "ones: expected both from one layer of one model."
    )
  if max_examples < len(x):
    chosen = np.random.default_rng(seed).permutation(len(x))[:max_examples]
    x, y = x[chosen], y[chosen]
  mean = x.mean(0, dtype=np.float64)
  std = x.std(0, dtype=np.float64)
  std = np.where(std > 1e-6 * np.abs(mean), std, 1.0)  # below, rounding errors
  scaled = [((z - mean) / std).astype(np.float32) for z in (x, held_out_x)]
  return scaled[0], y, scaled[1], held_out_y


def _check(kind, x, y):
  if x.ndim != 2 or y.shape != (len(x),) or x.size == 0:
    raise ValueError(
      f"{kind} features of shape {x.shape} with labels of shape {y.shape}: "
      "expected [N, D] and [N], N and D at least 1. Flatten maps by "
      "x.reshape(len(x), -1)."
    )
  if not np.issubdtype(y.dtype, np.integer):
    raise ValueError(f"{kind} labels of dtype {y.dtype}: expected integers.")
  if not np.isfinite(x).all():
    raise ValueError(
      f"{kind} features are not all finite: expected features of a model that "
      "has not diverged."
    )
