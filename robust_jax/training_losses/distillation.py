"""Distillation: one network is trained on the predictions of another."""

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.training_losses._common import cross_entropy
from robust_jax.types import (
  Batch,
  Forward,
  Key,
  LossOutput,
  Model,
  TrainingLoss,
)


def distillation(
  teacher: Model | None = None, *, temperature: float = 20.0
) -> TrainingLoss:
  """Distillation at a temperature T, of the teacher and of the student.

      per_example = CE(f(x) / T, softmax(teacher(x) / T))

  The deployed network is used at T = 1, so its logits are about T times as
  large as those of one trained without. That is defensive distillation: the
  softmax saturates and the gradient of the cross-entropy rounds to 0, which
  stops attacks that climb the cross-entropy itself and no others. It is here
  to be broken.

  Args:
    teacher: x -> logits `[B, K]`, a frozen model; no gradient flows through it.
      Without one the labels are learned, `CE(f(x) / T, y)`: so the first of the
      two networks is trained.
    temperature: T.

  Returns:
    The loss; its outputs are the logits at T = 1.

  Raises:
    ValueError: temperature is not positive.

  Source: Papernot et al. 2016, "Distillation as a Defense to Adversarial
  Perturbations against Deep Neural Networks", section IV; broken by Carlini and
  Wagner 2017, "Towards Evaluating the Robustness of Neural Networks". Hinton,
  Vinyals and Dean 2015 scale the loss by T^2, which is not done here.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> loss = training_losses.distillation(lambda x: 9 * x, temperature=10.0)
  """
  checks.positive("temperature", temperature)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    logits, model_state = forward.train(key, batch["x"])
    targets = batch["y"]
    if teacher is not None:
      answer = jax.lax.stop_gradient(teacher(batch["x"]))
      targets = jax.nn.softmax(answer.astype(jnp.float32) / temperature)
    # The largest is exactly 0, so that no rounding of huge ones exceeds it.
    largest = jax.lax.stop_gradient(logits.max(axis=-1, keepdims=True))
    cooled = (logits - largest) / temperature
    per_example = cross_entropy(cooled, targets)
    return LossOutput(per_example, logits, {}, model_state)

  return loss
