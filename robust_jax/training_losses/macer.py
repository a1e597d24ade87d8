"""MACER: the certified radius of the smoothed classifier, maximized."""

import jax
import jax.numpy as jnp

from robust_jax import checks, losses, metrics
from robust_jax.training_losses._common import (
  gaussian_noise,
  train_on_copies,
)
from robust_jax.types import (
  Array,
  Batch,
  Forward,
  Key,
  LossOutput,
  TrainingLoss,
)

_LEAST = 1e-10  # is added to probabilities before their logarithm


def macer(
  sigma: float,
  *,
  num_noise: int = 16,
  weight: float = 12.0,
  beta: float = 16.0,
  gamma: float = 8.0,
) -> TrainingLoss:
  """MACER: the certified radius of the smoothed classifier, maximized.

      per_example = -log mean_j softmax(z_j)_y
                    + weight (sigma / 2) max(gamma - xi, 0)   where q is right
      z_j = f(x + n_j),  n_j ~ N(0, sigma^2)
      q   = mean_j softmax(beta z_j)
      xi  = Phi^-1(largest of q) - Phi^-1(second of q)

  sigma xi / 2 is the certified radius, were q the probabilities themselves.
  There is no attack: one training pass over `num_noise` copies. Where a
  probability is 0 or 1 in float32 the radius has no gradient and counts as
  large enough.

  Args:
    sigma: standard deviation of the noise, in input units.
    num_noise: copies of each example.
    weight: of the radius; lambda in the paper.
    beta: inverse temperature of q.
    gamma: the xi that is enough.

  Returns:
    The loss. Its outputs are the logarithms of the mean probabilities; it
    reports "radius", the mean of sigma xi / 2 where xi counts, 0 elsewhere.

  Raises:
    ValueError: an option is negative, or num_noise less than 1.

  Example:
    >>> from robust_jax.training_losses import macer
    >>> loss = macer(0.25, num_noise=16, weight=12.0)

  Source: Zhai et al. 2020, "MACER: attack-free and scalable robust training via
  maximizing certified radius", eq. 8 to 11 and algorithm 1; the constant 1e-10
  and the handling of infinite radii are of their code.
  """
  options = {"sigma": sigma, "weight": weight, "beta": beta, "gamma": gamma}
  for name, value in options.items():
    checks.non_negative(name, value)
  checks.at_least_one("num_noise", num_noise)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_noise, key_train = jax.random.split(key)
    x, y = batch["x"], batch["y"]
    copies = x + gaussian_noise(key_noise, x, sigma, num_noise)
    logits, model_state = train_on_copies(forward, key_train, copies)
    log_p = losses.log_mean_probability(logits)
    xi, counts = _gap(losses.log_mean_probability(beta * logits), y)
    counts &= xi <= gamma
    too_small = jnp.where(counts, gamma - xi, 0.0)
    natural = -jnp.log(jnp.exp(-losses.cross_entropy(log_p, y)) + _LEAST)
    per_example = natural + weight * sigma / 2 * too_small
    radius = jnp.where(counts, sigma / 2 * xi, 0.0)
    report = {"radius": metrics.average(radius, batch["mask"])}
    return LossOutput(per_example, log_p, report, model_state)

  return loss


def _gap(log_q: Array, labels: Array) -> tuple[Array, Array]:
  """(xi `[B]`, where it is finite and the answer the label)."""
  first, second = jnp.exp(jax.lax.top_k(log_q, 2)[0]).T
  counts = (log_q.argmax(axis=-1) == labels) & (first < 1) & (second > 0)
  # One half has a quantile of 0, and a gradient.
  first, second = (jnp.where(counts, q, 0.5) for q in (first, second))
  ndtri = jax.scipy.special.ndtri
  return ndtri(first) - ndtri(second), counts
