"""Accuracy under Gaussian noise, of which smoothed classifiers are made."""

import jax

from robust_jax import checks, metrics, scores
from robust_jax.evaluators.robustness import robustness
from robust_jax.search.expectation_over_transformation import keys_of_images
from robust_jax.types import Batch, Evaluator, Key, Metrics, Model


def gaussian_noise(sigma: float) -> Evaluator:
  """Accuracy under Gaussian noise, of which smoothed classifiers are made.

  It is the mean of the probabilities that randomized smoothing bounds: one draw
  of noise for each image, unclipped.

  Args:
    sigma: standard deviation of the noise, in input units.

  Returns:
    The evaluator of "loss", "accuracy" and "noisy_accuracy".

  Raises:
    ValueError: sigma is negative.

  Example:
    >>> from robust_jax.evaluators import gaussian_noise
    >>> evaluator = gaussian_noise(0.5)
  """
  checks.non_negative("sigma", sigma)
  clean = robustness().measure

  def measure(model: Model, batch: Batch, key: Key) -> Metrics:
    x = batch["x"]
    keys = keys_of_images(key, x)
    noise = jax.vmap(lambda k: jax.random.normal(k, x.shape[1:]))(keys)
    noisy = scores.accuracy(model(x + sigma * noise), batch["y"])
    found = {"noisy_accuracy": metrics.average(noisy, batch["mask"])}
    return clean(model, batch, key) | found

  return Evaluator(measure)
