"""Empirical risk minimization (ERM): the mean loss of the training data."""

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
  """Empirical risk minimization (ERM): the mean loss of the training data.

      per_example = objective(f(x), y)

  Args:
    objective: the loss of model outputs and targets `batch["y"]`. By default
      the cross-entropy, whose targets are classes `[B]` or probabilities
      `[B, K]`.

  Source: Vapnik 1992, "Principles of risk minimization for learning theory".
  """

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    outputs, model_state = forward.train(key, batch["x"])
    per_example = objective(outputs, batch["y"])
    return LossOutput(per_example, outputs, {}, model_state)

  return loss
