"""The loss of AugMix: the same prediction for three views of an image."""

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
  """The loss of AugMix: the same prediction for three views of an image.

      per_example = CE(f(x), y) + weight JS(f(x), f(x'), f(x''))

  with x' and x'' two draws of `augmentation`. There is one training pass, over
  the three views together: BatchNorm normalizes by the statistics of all, and
  keeps them. It costs two more images for each.

  Args:
    augmentation: makes the views, such as `data.augmentation.augmix`.
    weight: of the Jensen-Shannon divergence; 12 in the paper.

  Returns:
    The loss; its outputs are the logits of the first view.

  Raises:
    ValueError: weight is negative.

  Source: Hendrycks et al. 2020, "AugMix", eq. 1.
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
