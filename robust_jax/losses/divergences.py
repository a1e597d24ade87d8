"""Divergences between the predictions of a classifier."""

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.losses.margins import EXCLUDED
from robust_jax.objective import checked_by
from robust_jax.types import Array


@checked_by(checks.same_classes)
def kl(logits: Array, reference: Array) -> Array:
  """Kullback-Leibler divergence, `KL(softmax(reference) || softmax(logits))`.

  The targets are reference logits `[B, K]` instead of labels, for example the
  logits of the clean input, as in TRADES (Zhang et al. 2019, eq. 5).

  Raises:
    ValueError: an argument is not an array of logits, or their shapes differ.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> losses.kl(jnp.zeros((1, 3)), jnp.ones((1, 3)))
    Array([0.], dtype=float32)
  """
  checks.same_classes(logits, reference)
  log_p = jax.nn.log_softmax(reference.astype(jnp.float32))
  log_q = jax.nn.log_softmax(logits.astype(jnp.float32))
  return _relative_entropy(log_p, log_q)


@checked_by(checks.same_classes)
def symmetric_kl(logits: Array, reference: Array) -> Array:
  """Symmetric Kullback-Leibler divergence, the sum of both directions.

      KL(softmax(reference) || softmax(logits))
        + KL(softmax(logits) || softmax(reference))

  Raises:
    ValueError: an argument is not an array of logits, or their shapes differ.

  Source: Jiang et al. 2020, "SMART: robust and efficient fine-tuning for
  pre-trained natural language models", section 3.1.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> a, b = jnp.log(jnp.array([[[0.5, 0.5]], [[0.8, 0.2]]]))
    >>> losses.symmetric_kl(a, b).round(4)  # 0.3 log 4
    Array([0.4159], dtype=float32)
  """
  return kl(logits, reference) + kl(reference, logits)


@checked_by(checks.soft_labels)
def soft_cross_entropy(logits: Array, probabilities: Array) -> Array:
  """Cross-entropy of labels that are probabilities, `-sum p log softmax(z)`.

  The targets are label probabilities `[B, K]`, such as those of CutMix, mixup
  or label smoothing. An attack that maximizes it moves the prediction away from
  the mixed label, as adversarial training with CutMix does (Rebuffi et al.
  2021).

  Raises:
    ValueError: the arguments are not logits and probabilities of one shape.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> half = jnp.array([[0.5, 0.5, 0.0]])
    >>> losses.soft_cross_entropy(jnp.zeros((1, 3)), half).round(4)
    Array([1.0986], dtype=float32)
  """
  checks.soft_labels(logits, probabilities)
  log_q = jax.nn.log_softmax(logits.astype(jnp.float32))
  return -jnp.sum(jnp.where(probabilities > 0, probabilities * log_q, 0.0), -1)


def log_mean_probability(logits: Array) -> Array:
  """Logarithm of the mean of the class probabilities of V predictions.

      log mean_v softmax(logits_v)

  The result is logits: its softmax is that mean.

  Args:
    logits: `[V, B, K]`.

  Returns:
    `[B, K]` float32.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import losses
    >>> opposed = jnp.array([[[9.0, 0.0]], [[0.0, 9.0]]])
    >>> jax.nn.softmax(losses.log_mean_probability(opposed)).round(4)
    Array([[0.5, 0.5]], dtype=float32)
  """
  log_p = jax.nn.log_softmax(logits.astype(jnp.float32))
  return jax.nn.logsumexp(log_p, axis=0) - jnp.log(len(logits))


def jensen_shannon(views: Array) -> Array:
  """Jensen-Shannon divergence of the predictions for V views of each image.

  The mean over views of `KL(softmax(view) || mean of the softmaxes)`: 0 if all
  predictions agree, and at most log V.

  Args:
    views: logits `[V, B, K]`.

  Returns:
    `[B]` float32.

  Source: Hendrycks et al. 2020, "AugMix", eq. 2.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> views = jnp.array([[[100.0, 0.0]], [[0.0, 100.0]]])
    >>> losses.jensen_shannon(views).round(4)
    Array([0.6931], dtype=float32)
  """
  log_p = jax.nn.log_softmax(views.astype(jnp.float32))
  # The logarithm of a mean of zeros has no finite derivative.
  log_p = jnp.maximum(log_p, EXCLUDED)
  log_mean = jax.nn.logsumexp(log_p, axis=0) - jnp.log(len(views))
  return _relative_entropy(log_p, log_mean).mean(axis=0)


def _relative_entropy(log_p: Array, log_q: Array) -> Array:
  """`sum p log(p / q)` over the last axis.

  A class of probability 0 is left out of the difference, where its derivative
  would not be finite.
  """
  is_possible = log_p > EXCLUDED
  log_q = jnp.where(is_possible, log_q, 0.0)
  ratio = jnp.where(is_possible, log_p, 0.0) - log_q
  return jnp.sum(jnp.exp(log_p) * ratio, axis=-1)
