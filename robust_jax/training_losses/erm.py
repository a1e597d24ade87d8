"""Empirical risk minimization (ERM): the mean loss over the training data."""

from robust_jax.training_losses._common import cross_entropy
from robust_jax.types import (
  Batch,
  Forward,
  Key,
  LossOutput,
  Objective,
  TrainingLoss,
)


def erm(objective: Objective = cross_entropy) -> TrainingLoss:
  """Empirical risk minimization (ERM): the mean loss over the training data.

      per_example = objective(f(x), y)

  Args:
    objective: loss of the model's outputs and the targets `batch["y"]`; by
      default the cross-entropy of classes `[B]` or class probabilities
      `[B, K]`.

  Returns:
    The loss. Its outputs are the outputs on x.

  Source: Vapnik 1992, "Principles of risk minimization for learning theory".

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x, {})  # logits are x
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> batch = {"x": jnp.array([[1.0, 0.0]]), "y": jnp.array([1])}
    >>> out = training_losses.erm()(forward, batch, jax.random.key(0))
    >>> round(out.per_example.item(), 3)
    1.313
  """

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    outputs, model_state = forward.train(key, batch["x"])
    per_example = objective(outputs, batch["y"])
    return LossOutput(per_example, outputs, {}, model_state)

  return loss
