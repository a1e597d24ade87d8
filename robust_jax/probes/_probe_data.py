"""What a probe is trained and judged on, checked and standardized."""

import numpy as np


def probe_data(
  features: np.ndarray,
  labels: np.ndarray,
  held_out_features: np.ndarray,
  held_out_labels: np.ndarray,
  *,
  most: int,
  seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """The four arrays, features with mean 0 and deviation 1 where trained on.

  Args:
    features: `[N, D]`, of the examples to train on.
    labels: `[N]` integers.
    held_out_features: `[M, D]`, in the units of `features`.
    held_out_labels: `[M]` integers.
    most: how many to train on: of more, a random part is drawn.
    seed: of that draw.

  Returns:
    The same four, features float32, at most `most` rows in the first two. What
    is constant where trained on is 0 there and only centerd elsewhere.

  Raises:
    ValueError: shapes that do not fit, nothing to train or judge on, labels
      that are no integers, or a feature that is not finite.
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
  if most < len(x):
    chosen = np.random.default_rng(seed).permutation(len(x))[:most]
    x, y = x[chosen], y[chosen]
  mean = x.mean(0, dtype=np.float64)
  std = x.std(0, dtype=np.float64)
  std = np.where(std > 1e-6 * np.abs(mean), std, 1.0)  # roundings, no signal
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
      f"{kind} features are not all finite: the model that made them has "
      "diverged, and nothing can be said about it."
    )
