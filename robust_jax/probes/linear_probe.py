"""What a linear classifier can read off frozen features."""

import warnings

import numpy as np

from robust_jax.probes._probe_data import probe_data


def linear_probe(
  features: np.ndarray,
  labels: np.ndarray,
  held_out_features: np.ndarray,
  held_out_labels: np.ndarray,
  *,
  most: int = 4000,
  seed: int = 0,
  iterations: int = 10_000,
) -> float:
  """Held-out accuracy of a freshly trained logistic regression.

  Multinomial, on standardized features, with half the squared weights added to
  the sum of the cross-entropies: too little to hide what is there, enough for
  the optimum to exist where classes are separable. It is strictly convex, so
  nothing depends on a start; the seed is that of a draw from more than `most`.

  Chance for a linear probe does not mean that nothing is there: see
  `mlp_probe`.

  Args:
    features: `[N, D]`, frozen, of the examples to train on.
    labels: `[N]` integers. Of one class only, the probe always answers that.
    held_out_features: `[M, D]`.
    held_out_labels: `[M]` integers.
    most: how many examples to train on at most.
    seed: of the draw from more.
    iterations: of L-BFGS at most.

  Returns:
    The fraction of held-out examples whose label is answered.

  Raises:
    ValueError: arrays that do not fit, features that are not finite, or no
      optimum within `iterations`.

  Source: Alain and Bengio, "Understanding intermediate layers using linear
  classifier probes", 2016.
  """
  x, y, held_out_x, held_out_y = probe_data(
    features,
    labels,
    held_out_features,
    held_out_labels,
    most=most,
    seed=seed,
  )
  if (y == y[0]).all():
    return float(np.mean(held_out_y == y[0]))
  return float(
    np.mean(_fitted(x, y, iterations).predict(held_out_x) == held_out_y)
  )


def _fitted(x, y, iterations):
  from sklearn.exceptions import ConvergenceWarning
  from sklearn.linear_model import LogisticRegression

  regression = LogisticRegression(C=1.0, max_iter=iterations)
  with warnings.catch_warnings():
    warnings.simplefilter("error", ConvergenceWarning)
    try:
      return regression.fit(x, y)
    except ConvergenceWarning as warning:
      raise ValueError(
        f"no optimum of the linear probe on features of shape {x.shape}, so "
        "its accuracy would mean nothing: allow more than "
        f"{iterations} iterations, or give it features without huge outliers "
        f"({str(warning).splitlines()[0]})."
      ) from warning
