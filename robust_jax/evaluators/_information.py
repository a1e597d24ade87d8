"""Mutual information of examples and predictions, a label-free validator."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import metrics
from robust_jax.types import Array, Metrics


def information_sums(logits: Array, mask: Array) -> Metrics:
  """Computes the sums over a batch that `information` is computed from.

  Scores of batches must not be averaged: the entropy of the mean prediction is
  concave, so their mean is below the score of all examples, and 0 for batches
  of one example or of one class. The mean prediction itself is summed instead,
  one number per class.

  Args:
    logits: logits `[B, K]`.
    mask: `[B]`, 1 for real examples, 0 for padding.

  Returns:
    "mean_prediction", the sum of the softmax `[K]`, and "prediction_entropy",
    the sum of its entropy in nats, each with the count. They are summed over
    batches and devices like every metric.
  """
  log_p = jax.nn.log_softmax(logits.astype(jnp.float32))
  p = jnp.exp(log_p)
  # A logit of -inf has p log p = 0.
  entropy = -jnp.sum(jnp.where(p > 0, p * log_p, 0.0), axis=-1)
  return {
    "mean_prediction": metrics.average(p, mask),
    "prediction_entropy": metrics.average(entropy, mask),
  }


def information(averages: Mapping[str, float | np.ndarray]) -> float:
  """Computes the mutual information of examples and predicted classes.

      information = H(E p) - E H(p)

  the entropy of the mean prediction minus the mean entropy of the predictions.
  It is 0 if all predictions are equal and log K if each is certain and all
  classes are equally frequent. A badly adapted model is uncertain or predicts
  few classes, and the score penalizes both. It does not measure correctness,
  and it favors equal class proportions, whatever the true ones are.

  Args:
    averages: averages of `information_sums`, as `metrics.result` returns them.

  Returns:
    The score in nats.

  Source: Krause, Perona and Gomes, "Discriminative Clustering by Regularized
  Information Maximization", 2010; as a validator of domain adaptation,
  Musgrave, Belongie and Lim, "Three New Validators and a Large-Scale Benchmark
  Ranking for Unsupervised Domain Adaptation", 2022.
  """
  p = np.asarray(averages["mean_prediction"], np.float64)
  seen = p[p > 0]
  return float(-np.sum(seen * np.log(seen)) - averages["prediction_entropy"])
