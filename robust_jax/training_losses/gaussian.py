"""Gaussian augmentation, from which a smoothed classifier has its radius."""

import jax

from robust_jax import checks
from robust_jax.training_losses._common import cross_entropy, gaussian_noise
from robust_jax.types import (
  Batch,
  Forward,
  Key,
  LossOutput,
  TrainingLoss,
)


def gaussian(sigma: float) -> TrainingLoss:
  """Gaussian augmentation: the cross-entropy of noisy images.

      per_example = CE(f(x + sigma n), y),  n ~ N(0, 1)

  The noise is not clipped to [0, 1]: it is that of `certificates.smoothing`.

  Args:
    sigma: standard deviation of the noise, in input units.

  Raises:
    ValueError: sigma is negative.

  Example:
    >>> from robust_jax.training_losses import gaussian
    >>> loss = gaussian(0.5)

  Source: Cohen, Rosenfeld and Kolter 2019, "Certified adversarial robustness
  via randomized smoothing", section 3.3.
  """
  checks.non_negative("sigma", sigma)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_noise, key_train = jax.random.split(key)
    noise = gaussian_noise(key_noise, batch["x"], sigma, 1)[0]
    logits, model_state = forward.train(key_train, batch["x"] + noise)
    per_example = cross_entropy(logits, batch["y"])
    return LossOutput(per_example, logits, {}, model_state)

  return loss
