"""Losses per example: logits `[B, K]`, labels `[B]` int -> `[B]` float32.

Each is an `Objective`: it grows as the model gets worse on the label, and a
search maximises it. Training minimises the mean of the same function.
"""

import functools

import jax
import jax.numpy as jnp
import optax

from robust_jax.types import Array, Objective

# Real losses are far smaller, and float32 keeps 1e-3 of them beside it.
_ABOVE_ALL = 1e4


def cross_entropy(logits: Array, labels: Array) -> Array:
  """`-log softmax(logits)[label]`."""
  return optax.softmax_cross_entropy_with_integer_labels(
    logits.astype(jnp.float32), _index(labels)
  )


def margin(logits: Array, labels: Array) -> Array:
  """`max_{i != y} z_i - z_y`: positive exactly where the answer is wrong.

  Source: Carlini and Wagner 2017, "Towards Evaluating the Robustness of Neural
  Networks", f_6 with its sign reversed and without the cut at kappa.
  """
  logits = logits.astype(jnp.float32)
  return _best_other(logits, labels) - _of_label(logits, labels)


def dlr(logits: Array, labels: Array) -> Array:
  """Difference of logits ratio, `-(z_y - max_{i != y} z_i) / (z_(1) - z_(3))`.

  Invariant under shifts and positive scalings of the logits, so that it does
  not vanish where the cross-entropy of an over-confident model does.

  Raises:
    ValueError: fewer than three classes, for which it is not defined.

  Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness
  with an ensemble of diverse parameter-free attacks", eq. 6.
  """
  if logits.shape[-1] < 3:
    raise ValueError(
      f"the DLR loss needs 3 classes or more, got {logits.shape[-1]}: use "
      "losses.margin."
    )
  logits = logits.astype(jnp.float32)
  top = jax.lax.top_k(logits, 3)[0]
  return margin(logits, labels) / (top[:, 0] - top[:, 2] + 1e-12)


def targeted_dlr(target: Array) -> Objective:
  """The DLR loss of an adversary that prefers the class `target`.

  `-(z_y - z_t) / (z_(1) - (z_(3) + z_(4)) / 2)`, with y the label: positive
  where the target's logit is above the label's.

  Args:
    target: `[B]` int.

  Source: Croce and Hein 2020 (AutoAttack), eq. 7.
  """

  def loss(logits: Array, labels: Array) -> Array:
    if logits.shape[-1] < 4:
      raise ValueError(
        f"the targeted DLR loss needs 4 classes or more, got "
        f"{logits.shape[-1]}: use the difference of two logits."
      )
    top = jax.lax.top_k(logits.astype(jnp.float32), 4)[0]
    return towards(target)(logits, labels) / (
      top[:, 0] - 0.5 * (top[:, 2] + top[:, 3]) + 1e-12
    )

  return loss


def towards(target: Array) -> Objective:
  """`z_t - z_y`, for `target [B]`: positive where it is above the label."""

  def loss(logits: Array, labels: Array) -> Array:
    logits = logits.astype(jnp.float32)
    return _of_label(logits, target) - _of_label(logits, labels)

  return loss


def kl(logits: Array, reference: Array) -> Array:
  """`KL(softmax(reference) || softmax(logits))`, reference logits `[B, K]`.

  The place of the labels is taken by the logits that the answer should keep,
  as in TRADES (Zhang et al. 2019, eq. 5).
  """
  log_p = jax.nn.log_softmax(reference.astype(jnp.float32))
  log_q = jax.nn.log_softmax(logits.astype(jnp.float32))
  return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)


def jensen_shannon(views: Array) -> Array:
  """How unlike the answers to V views of each image are: `[V, B, K]` -> `[B]`.

  The mean over views of `KL(softmax(view) || their mean)`: 0 where all answer
  the same, log V at most.

  Source: Hendrycks et al. 2020, "AugMix", eq. 2.
  """
  log_p = jax.nn.log_softmax(views.astype(jnp.float32))
  log_mean = jax.nn.logsumexp(log_p, axis=0) - jnp.log(len(views))
  return jnp.sum(jnp.exp(log_p) * (log_p - log_mean), axis=-1).mean(axis=0)


def targeted(objective: Objective) -> Objective:
  """The same loss for an adversary that wants the label it names.

  Args:
    objective: an untargeted objective, larger where the label is not answered.

  Returns:
    Its negative: maximising it makes the model answer `labels`.
  """

  @functools.wraps(objective)
  def negated(logits: Array, labels: Array) -> Array:
    return -objective(logits, labels)

  return negated


def fooled_first(objective: Objective) -> Objective:
  """The same loss, above all others wherever the answer is wrong.

  A search that keeps the largest value then never passes a wrong answer over
  for a right one of larger loss, as the cross-entropy can. Gradients are those
  of `objective`. For an adversary with a target, `targeted(fooled_first(...))`.

  Args:
    objective: an untargeted objective, below 5,000 in size.
  """

  @functools.wraps(objective)
  def lifted(logits: Array, labels: Array) -> Array:
    wrong = logits.argmax(axis=-1) != labels
    return objective(logits, labels) + _ABOVE_ALL * wrong

  return lifted


def _index(labels: Array) -> Array:
  """Labels of 8 bits would be compared with classes modulo 256."""
  return labels.astype(jnp.int32)


def _of_label(logits: Array, labels: Array) -> Array:
  index = _index(labels)[:, None]
  return jnp.take_along_axis(logits, index, axis=-1)[:, 0]


def _best_other(logits: Array, labels: Array) -> Array:
  is_label = jax.nn.one_hot(_index(labels), logits.shape[-1], dtype=bool)
  return jnp.max(jnp.where(is_label, -jnp.inf, logits), axis=-1)
