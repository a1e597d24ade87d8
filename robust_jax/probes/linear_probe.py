"""Linear probe: logistic regression on frozen features."""

import warnings

import numpy as np

from robust_jax.probes._probe_data import probe_data


def linear_probe(
  features: np.ndarray,
  labels: np.ndarray,
  held_out_features: np.ndarray,
  held_out_labels: np.ndarray,
  *,
  max_examples: int = 4000,
  seed: int = 0,
  iterations: int = 10_000,
) -> float:
  """Linear probe: held-out accuracy of a fresh logistic regression.

  The regression is multinomial, on standardized features, and minimizes the sum
  of cross-entropies plus half the squared weights, which makes the optimum
  exist for separable classes too. The problem is strictly convex, so the result
  does not depend on a start, and the seed only affects the draw of examples.

  Accuracy at chance does not show that the features contain no information
  about the class, see `mlp_probe`.

  Args:
    features: frozen features `[N, D]` of the training examples.
    labels: their classes `[N]`, integers. If there is only one class, the probe
      always predicts it.
    held_out_features: frozen features `[M, D]` of held-out examples.
    held_out_labels: their classes `[M]`, integers.
    max_examples: number of training examples to use; of more, a random subset
      is drawn.
    seed: seed of that draw.
    iterations: maximum number of L-BFGS iterations.

  Returns:
    The fraction of held-out examples that are classified correctly.

  Raises:
    ValueError: arrays do not fit, features are not finite, or the optimum is
      not reached within `iterations`.

  Source: Alain and Bengio, "Understanding intermediate layers using linear
  classifier probes", 2016.

  Example:
    >>> import numpy as np
    >>> from robust_jax.probes.linear_probe import linear_probe
    >>> features, labels = np.arange(8.0)[:, None], np.arange(8) // 4
    >>> linear_probe(features, labels, features, labels)
    1.0
  """
  x, y, held_out_x, held_out_y = probe_data(
    features,
    labels,
    held_out_features,
    held_out_labels,
    max_examples=max_examples,
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
        f"the linear probe on features of shape {x.shape} did not converge in "
        f"{iterations} iterations, so its accuracy would be meaningless: allow "
        "more, or remove large outliers of the features "
        f"({str(warning).splitlines()[0]})."
      ) from warning
