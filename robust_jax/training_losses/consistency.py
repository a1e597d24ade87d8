"""Consistency regularization: the same prediction under any noise."""

import jax
import jax.numpy as jnp

from robust_jax import checks, losses, metrics
from robust_jax.training_losses._common import (
  gaussian_noise,
  mean_cross_entropy,
  train_on_copies,
)
from robust_jax.types import (
  Batch,
  Forward,
  Key,
  LossOutput,
  TrainingLoss,
)


def consistency(
  sigma: float,
  *,
  num_noise: int = 2,
  weight: float = 5.0,
  entropy_weight: float = 0.5,
) -> TrainingLoss:
  """Consistency regularization: the same prediction under any noise.

      per_example = mean_j CE(z_j, y) + weight mean_j KL(q || softmax z_j)
                    + entropy_weight H(q)
      z_j = f(x + n_j),  n_j ~ N(0, sigma^2),  q = mean_j softmax z_j

  There is one training pass over `num_noise` copies. Gradients flow through q.

  Args:
    sigma: standard deviation of the noise, in input units.
    num_noise: copies of each example, m in the paper, 2 or more.
    weight: of the divergence; lambda in the paper, 5 to 20.
    entropy_weight: eta in the paper.

  Returns:
    The loss. Its outputs are the logarithms of q; it reports "kl".

  Raises:
    ValueError: an option is negative, or num_noise less than 2.

  Example:
    >>> from robust_jax.training_losses import consistency
    >>> loss = consistency(0.5, weight=5.0)

  Source: Jeong and Shin 2020, "Consistency regularization for certified
  robustness of smoothed classifiers", eq. 9.
  """
  options = {"sigma": sigma, "weight": weight, "entropy_weight": entropy_weight}
  for name, value in options.items():
    checks.non_negative(name, value)
  if num_noise < 2:
    raise ValueError(
      f"num_noise = {num_noise}: expected 2 or more copies to be consistent; "
      "of one copy take `gaussian`."
    )

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_noise, key_train = jax.random.split(key)
    x, y = batch["x"], batch["y"]
    copies = x + gaussian_noise(key_noise, x, sigma, num_noise)
    logits, model_state = train_on_copies(forward, key_train, copies)
    log_q = losses.log_mean_probability(logits)
    kl = jax.vmap(losses.kl, in_axes=(0, None))(logits, log_q).mean(axis=0)
    entropy = -jnp.sum(jnp.exp(log_q) * log_q, axis=-1)
    per_example = mean_cross_entropy(logits, y)
    per_example += weight * kl + entropy_weight * entropy
    report = {"kl": metrics.average(kl, batch["mask"])}
    return LossOutput(per_example, log_q, report, model_state)

  return loss
