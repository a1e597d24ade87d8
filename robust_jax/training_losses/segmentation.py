"""Cross-entropy of each pixel, with weights of the classes."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.types import (
  Array,
  Batch,
  Forward,
  Key,
  LossOutput,
  TrainingLoss,
)


def segmentation(class_weights: Sequence[float] = ()) -> TrainingLoss:
  """Cross-entropy of each pixel, with weights of the classes.

      per_example = sum_i w[y_i] CE(f(x)_i, y_i) / sum_i w[y_i]

  over the pixels i of an example whose label is known.

  Args:
    class_weights: w, one for each class; () for equal ones.

  Returns:
    The loss, for a model of logits `[B, ..., K]` and labels y `[B, ...]`, in
    which -1 stands for an unknown class. Without pixels it is the loss of
    classes `[B]`. An example without a known label has a loss of 0.

  Raises:
    ValueError: a weight is negative; when it is called, labels have another
      shape than logits without their last axis, or there are not as many
      weights as classes.

  Source: Long et al. 2015, "Fully convolutional networks for semantic
  segmentation", section 4; weights as in Badrinarayanan et al. 2017, "SegNet",
  section 3.2.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x, {})  # logits are x
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> x, y = jnp.zeros((1, 2, 2, 4)), jnp.array([[[0, 1], [-1, 3]]])
    >>> loss = training_losses.segmentation()
    >>> out = loss(forward, {"x": x, "y": y}, jax.random.key(0))
    >>> round(out.per_example.item(), 3)  # log 4
    1.386
  """
  for weight in class_weights:
    checks.non_negative("class_weights", weight)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    logits, model_state = forward.train(key, batch["x"])
    per_example = _cross_entropy(logits, batch["y"], class_weights)
    return LossOutput(per_example, logits, {}, model_state)

  return loss


def _cross_entropy(
  logits: Array, labels: Array, class_weights: Sequence[float]
) -> Array:
  num_classes = logits.shape[-1]
  weights = jnp.asarray(class_weights or [1.0] * num_classes, jnp.float32)
  if labels.shape != logits.shape[:-1]:
    raise ValueError(
      f"labels of shape {labels.shape} for logits of shape {logits.shape}: "
      "expected one label for each pixel."
    )
  if len(weights) != num_classes:
    raise ValueError(
      f"{len(weights)} class_weights for {num_classes} classes: expected one "
      "for each, or () for equal ones."
    )
  # An unknown label of -1 is a row of zeros.
  weighted = (jax.nn.one_hot(labels, num_classes) * weights).reshape(
    len(labels), -1
  )
  log_p = jax.nn.log_softmax(logits.astype(jnp.float32))
  log_p = log_p.reshape(weighted.shape)
  total = -jnp.where(weighted > 0, weighted * log_p, 0.0).sum(axis=1)
  return total / jnp.maximum(weighted.sum(axis=1), 1e-6)
