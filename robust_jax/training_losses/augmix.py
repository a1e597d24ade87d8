"""AugMix: consistency of the predictions for three views of an image."""

import jax
import jax.numpy as jnp

from robust_jax import checks, losses
from robust_jax.training_losses._common import cross_entropy
from robust_jax.types import (
  Augmentation,
  Batch,
  Forward,
  Key,
  LossOutput,
  TrainingLoss,
)


def augmix(augmentation: Augmentation, *, weight: float = 12.0) -> TrainingLoss:
  """AugMix: consistency of the predictions for three views of an image.

      per_example = CE(f(x), y) + weight JS(f(x), f(x'), f(x''))

  Here x' and x'' are two draws of `augmentation`. One training pass over all
  three views computes the BatchNorm statistics, so the loss costs three times
  the images of ERM.

  Args:
    augmentation: the augmentation that draws x' and x'', such as
      `augmentation.augmix`.
    weight: weight of the Jensen-Shannon divergence; 12 in the paper.

  Returns:
    The loss. Its outputs are the logits of x.

  Raises:
    ValueError: weight is negative.

  Source: Hendrycks et al. 2020, "AugMix: A Simple Data Processing Method to
  Improve Robustness and Uncertainty", eq. 1.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x, {})  # logits are x
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> batch = {"x": jnp.array([[1.0, 0.0]]), "y": jnp.array([1])}
    >>> loss = training_losses.augmix(lambda key, x: x)  # no augmentation: CE
    >>> out = loss(forward, batch, jax.random.key(0))
    >>> round(out.per_example.item(), 3)
    1.313
  """
  checks.non_negative("weight", weight)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key, *keys = jax.random.split(key, 3)
    x = batch["x"]
    views = jnp.concatenate([x, *(augmentation(k, x) for k in keys)])
    logits, model_state = forward.train(key, views)
    logits = logits.reshape(3, len(x), -1)
    per_example = cross_entropy(logits[0], batch["y"])
    per_example += weight * losses.jensen_shannon(logits)
    return LossOutput(per_example, logits[0], {}, model_state)

  return loss
