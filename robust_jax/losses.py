"""Losses per example: logits `[B, K]`, labels `[B]` int -> `[B]` float32.

Each is an `Objective`: it grows as the model gets worse on the label, and a
search maximizes it. Training minimizes the mean of the same function. Each
refuses, in prose, what is no logits or no labels of theirs: shapes always,
labels out of range where their values are known.

A model may exclude a class by a logit of -inf, or of the smallest finite
number: losses and gradients are then as if there were no such class.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks
from robust_jax.objective import Climbed, made_of
from robust_jax.types import Array, Objective

__all__ = ["cross_entropy", "dlr", "kl", "margin", "soft_margin"]

# Real losses are far smaller, and float32 keeps 1e-3 of them beside it.
_ABOVE_ALL = 1e4
# Smaller logits exclude their class.
_EXCLUDED = float(jnp.finfo(jnp.float32).min) / 2


def _takes(check: Callable) -> Callable[[Objective], Objective]:
  """Names the check of what a loss takes, which is known without tracing it."""

  def mark(loss: Objective) -> Objective:
    loss.check = check
    return loss

  return mark


@_takes(checks.classification)
def soft_margin(logits: Array, labels: Array) -> Array:
  """`log mean_{i != y} exp(z_i) - z_y`, a margin that hears of all classes.

  The cross-entropy of K classes is `softplus(soft_margin + log(K - 1))`, so
  both are largest at the same points, and searches for the one climb the other:
  it changes with logits that are all but equal, and with those that are so far
  apart that the softmax saturates.
  """
  logits, labels = _classification(logits, labels)
  is_label = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)
  best = jax.lax.stop_gradient(_best_other(logits, labels))
  origin = jnp.where(jnp.isfinite(best), best, 0.0)
  counts = (logits > _EXCLUDED) & ~is_label
  beside_best = jnp.where(counts, logits - origin[:, None], 0.0)
  # Exponentials less 1, beside which the digits of small ones would be lost.
  mean = jnp.expm1(beside_best).sum(axis=-1) / counts.sum(axis=-1)
  # The difference first: it is exact where the logits share an offset.
  return (best - _of_label(logits, labels)) + jnp.log1p(mean)


@functools.partial(Climbed, climbed=soft_margin)
@_takes(checks.classification)
def cross_entropy(logits: Array, labels: Array) -> Array:
  """`-log softmax(logits)[label]`; a search climbs the `soft_margin`."""
  return optax.softmax_cross_entropy_with_integer_labels(
    *_classification(logits, labels)
  )


@_takes(checks.classification)
def margin(logits: Array, labels: Array) -> Array:
  """`max_{i != y} z_i - z_y`: positive exactly where the answer is wrong.

  Source: Carlini and Wagner 2017, "Towards Evaluating the Robustness of Neural
  Networks", f_6 with its sign reversed and without the cut at kappa.
  """
  logits, labels = _classification(logits, labels)
  return _best_other(logits, labels) - _of_label(logits, labels)


def dlr(logits: Array, labels: Array) -> Array:
  """Difference of logits ratio, `-(z_y - max_{i != y} z_i) / (z_(1) - z_(3))`.

  Invariant under shifts and positive scalings of the logits, so that it does
  not vanish where the cross-entropy of an over-confident model does. Where
  fewer than three classes are not excluded it is the margin.

  Raises:
    ValueError: fewer than three classes, for which it is not defined.

  Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness
  with an ensemble of diverse parameter-free attacks", eq. 6.
  """
  logits, labels = _classification(logits, labels)
  if logits.shape[-1] < 3:
    raise ValueError(
      f"the DLR loss needs 3 classes or more, got {logits.shape[-1]}: use "
      "losses.margin."
    )
  top = jax.lax.top_k(logits, 3)[0]
  return _ratio(margin(logits, labels), top[:, 0] - top[:, 2], top[:, 2])


def targeted_dlr(target: Array) -> Objective:
  """The DLR loss of an adversary that prefers the class `target`.

  `-(z_y - z_t) / (z_(1) - (z_(3) + z_(4)) / 2)`, with y the label: positive
  where the target's logit is above the label's. Where fewer than four classes
  are not excluded it is the difference of the two logits.

  Args:
    target: `[B]` int.

  Source: Croce and Hein 2020 (AutoAttack), eq. 7.
  """

  def loss(logits: Array, labels: Array) -> Array:
    logits, labels = _classification(logits, labels)
    if logits.shape[-1] < 4:
      raise ValueError(
        f"the targeted DLR loss needs 4 classes or more, got "
        f"{logits.shape[-1]}: use the difference of two logits."
      )
    top = jax.lax.top_k(logits, 4)[0]
    # Not the mean of the two: the sum of large logits overflows.
    spread = top[:, 0] - top[:, 2] + 0.5 * (top[:, 2] - top[:, 3])
    return _ratio(logit_difference(target)(logits, labels), spread, top[:, 3])

  return loss


def logit_difference(target: Array) -> Objective:
  """`z_t - z_y`, for `target [B]`: positive where it is above the label."""

  def loss(logits: Array, labels: Array) -> Array:
    logits, labels = _classification(logits, labels)
    index = jnp.asarray(target, jnp.int32)
    return _of_label(logits, index) - _of_label(logits, labels)

  return loss


@_takes(checks.same_classes)
def kl(logits: Array, reference: Array) -> Array:
  """`KL(softmax(reference) || softmax(logits))`, reference logits `[B, K]`.

  The place of the labels is taken by the logits that the answer should keep,
  as in TRADES (Zhang et al. 2019, eq. 5).

  Raises:
    ValueError: either is no logits, or of other classes than the other.
  """
  checks.same_classes(logits, reference)
  log_p = jax.nn.log_softmax(reference.astype(jnp.float32))
  log_q = jax.nn.log_softmax(logits.astype(jnp.float32))
  return _relative_entropy(log_p, log_q)


def jensen_shannon(views: Array) -> Array:
  """How unlike the answers to V views of each image are: `[V, B, K]` -> `[B]`.

  The mean over views of `KL(softmax(view) || their mean)`: 0 where all answer
  the same, log V at most.

  Source: Hendrycks et al. 2020, "AugMix", eq. 2.
  """
  log_p = jax.nn.log_softmax(views.astype(jnp.float32))
  # The derivative of the logarithm of a mean of zeros is not finite.
  log_p = jnp.maximum(log_p, _EXCLUDED)
  log_mean = jax.nn.logsumexp(log_p, axis=0) - jnp.log(len(views))
  return _relative_entropy(log_p, log_mean).mean(axis=0)


def targeted(objective: Objective) -> Objective:
  """The same loss for an adversary that wants the label it names.

  Args:
    objective: an untargeted objective, larger where the label is not answered.

  Returns:
    Its negative: maximizing it makes the model answer `labels`.
  """

  def negative(objective: Objective) -> Objective:
    @functools.wraps(objective)
    def negated(logits: Array, labels: Array) -> Array:
      return -objective(logits, labels)

    return negated

  return made_of(objective, negative)


def prioritize_misclassified(objective: Objective) -> Objective:
  """The same loss, above all others wherever the answer is wrong.

  A search that keeps the largest value then never passes a wrong answer over
  for a right one of larger loss, as the cross-entropy can. Gradients are those
  of `objective`. For an adversary with a target,
  `targeted(prioritize_misclassified(...))`.

  Args:
    objective: an untargeted objective, below 5,000 where the answer is right.
  """

  def lift(objective: Objective) -> Objective:
    @functools.wraps(objective)
    def lifted(logits: Array, labels: Array) -> Array:
      value = objective(logits, labels)
      wrong = logits.argmax(axis=-1) != labels
      short = jnp.minimum(jax.lax.stop_gradient(value) + _ABOVE_ALL / 2, 0.0)
      return value + jnp.where(wrong, _ABOVE_ALL - short, 0.0)

    return lifted

  return made_of(objective, lift)


def _relative_entropy(log_p: Array, log_q: Array) -> Array:
  """`sum p log(p / q)` over the last axis.

  A class without probability is left out of the difference, whose derivative
  there is not finite.
  """
  there = log_p > _EXCLUDED
  ratio = jnp.where(there, log_p, 0.0) - jnp.where(there, log_q, 0.0)
  return jnp.sum(jnp.exp(log_p) * ratio, axis=-1)


def _ratio(margin: Array, spread: Array, smallest: Array) -> Array:
  """`margin / spread`; the margin where `smallest` is of an excluded class."""
  usable = (smallest > _EXCLUDED) & (spread > 0)
  return margin / jnp.where(usable, spread, 1.0)


def _classification(logits: Array, labels: Array) -> tuple[Array, Array]:
  """Both, checked: float32 `[B, K]`, int32 `[B]`.

  Labels of 8 bits would be compared with classes modulo 256.
  """
  checks.classification(logits, labels)
  return jnp.asarray(logits, jnp.float32), jnp.asarray(labels, jnp.int32)


def _of_label(logits: Array, labels: Array) -> Array:
  return jnp.take_along_axis(logits, labels[:, None], axis=-1)[:, 0]


def _best_other(logits: Array, labels: Array) -> Array:
  is_label = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)
  return jnp.max(jnp.where(is_label, -jnp.inf, logits), axis=-1)
