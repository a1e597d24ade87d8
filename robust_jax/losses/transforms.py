"""Transforms of an objective: targeted, and misclassified examples first."""

import functools

import jax
import jax.numpy as jnp

from robust_jax.objective import transformed
from robust_jax.types import Array, Objective

# Added to the loss of misclassified examples. Losses are far smaller, and in
# float32 their sum with it is still exact to 1e-3.
_LIFT = 1e4


def targeted(objective: Objective) -> Objective:
  """The objective of a targeted adversary: the negative of `objective`.

  Args:
    objective: an untargeted objective, larger where the label is less likely.

  Returns:
    an objective to be called with the target classes as labels; maximizing it
    makes the model predict them.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> loss = losses.targeted(losses.margin)
    >>> loss(jnp.array([[3.0, 1.0]]), jnp.array([1]))  # 1 is the target
    Array([-2.], dtype=float32)
  """

  def negative(objective: Objective) -> Objective:
    @functools.wraps(objective)
    def negated(logits: Array, labels: Array) -> Array:
      return -objective(logits, labels)

    return negated

  return transformed(objective, negative)


def prioritize_misclassified(objective: Objective) -> Objective:
  """Raises the objective of misclassified examples above that of all others.

  A search that keeps the largest value then prefers a misclassified example to
  a correctly classified one with a larger loss, which exists for the
  cross-entropy. Gradients are those of `objective`. For a targeted adversary
  use `targeted(prioritize_misclassified(...))`.

  Args:
    objective: an untargeted objective, less than 5,000 on correctly classified
      examples.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> loss = losses.prioritize_misclassified(losses.margin)
    >>> logits, labels = jnp.array([[3.0, 1.0], [1.0, 3.0]]), jnp.array([0, 0])
    >>> loss(logits, labels).tolist()
    [-2.0, 10002.0]
  """

  def lift(objective: Objective) -> Objective:
    @functools.wraps(objective)
    def lifted(logits: Array, labels: Array) -> Array:
      value = objective(logits, labels)
      wrong = logits.argmax(axis=-1) != labels
      short = jnp.minimum(jax.lax.stop_gradient(value) + _LIFT / 2, 0.0)
      return value + jnp.where(wrong, _LIFT - short, 0.0)

    return lifted

  return transformed(objective, lift)
