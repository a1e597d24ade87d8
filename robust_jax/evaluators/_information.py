"""What predictions tell of their inputs: a validator without labels."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import metrics
from robust_jax.types import Array, Metrics


def information_sums(logits: Array, mask: Array) -> Metrics:
  """What `information` needs of a batch, as sums over it.

  The entropy of the mean prediction is concave in it, so that the mean of
  scores of batches falls below the score of all examples: by as much as the
  batches differ, and down to 0 for batches of one example or of one class.
  The mean prediction itself is therefore summed, one number per class.

  Args:
    logits: `[B, K]`.
    mask: `[B]`, 1 for a real example.

  Returns:
    "mean_prediction", the sum of the softmax `[K]`, and "prediction_entropy",
    the sum of its entropy in nats, each with the count. They add up over
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
  """Entropy of the mean prediction minus mean entropy of the predictions.

  It is the mutual information of an example and its predicted class, from 0
  (all examples are answered alike) to log K (each answer is certain, all
  classes equally frequent). A model that adapts badly hedges or answers few
  classes; the score punishes both. It knows nothing of right and wrong, and
  favors equal class proportions, true or not.

  Args:
    averages: of `information_sums`, as `metrics.result` gives them.

  Returns:
    The score in nats.

  Source: Krause, Perona, Gomes, "Discriminative Clustering by Regularized
  Information Maximization", 2010; as a validator of domain
  adaptation, Musgrave, Belongie, Lim, "Three New Validators and a Large-Scale
  Benchmark Ranking for Unsupervised Domain Adaptation", 2022.
  """
  p = np.asarray(averages["mean_prediction"], np.float64)
  seen = p[p > 0]
  return float(-np.sum(seen * np.log(seen)) - averages["prediction_entropy"])
