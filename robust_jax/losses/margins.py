"""Losses of logits `[B, K]` and labels `[B]`: cross-entropy and margins."""

import functools

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks
from robust_jax.objective import WithSurrogate, checked_by
from robust_jax.types import Array, Objective

# Smaller logits exclude their class.
EXCLUDED = float(jnp.finfo(jnp.float32).min) / 2


@checked_by(checks.classification)
def soft_margin(logits: Array, labels: Array) -> Array:
  """Soft margin, `log mean_{i != y} exp(z_i) - z_y`.

  The cross-entropy of K classes is `softplus(soft_margin + log(K - 1))`, an
  increasing function, so both have the same maximizers. Unlike the
  cross-entropy, the soft margin also changes with logits that are almost equal,
  and with logits so far apart that the softmax saturates. Searches therefore
  use it as the surrogate of the cross-entropy.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> losses.soft_margin(jnp.array([[3.0, 1.0, 1.0]]), jnp.array([0]))
    Array([-2.], dtype=float32)
  """
  logits, labels = _classification(logits, labels)
  is_label = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)
  best = jax.lax.stop_gradient(_best_other(logits, labels))
  origin = jnp.where(jnp.isfinite(best), best, 0.0)
  counts = (logits > EXCLUDED) & ~is_label
  beside_best = jnp.where(counts, logits - origin[:, None], 0.0)
  # expm1, since a sum of exponentials near 1 loses the digits of the exponents.
  mean = jnp.expm1(beside_best).sum(axis=-1) / counts.sum(axis=-1)
  # The difference comes first: it is exact if the logits share an offset.
  return (best - _of_label(logits, labels)) + jnp.log1p(mean)


@functools.partial(WithSurrogate, surrogate=soft_margin)
@checked_by(checks.classification)
def cross_entropy(logits: Array, labels: Array) -> Array:
  """Cross-entropy, `-log softmax(z)_y`; its surrogate is the `soft_margin`.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> losses.cross_entropy(jnp.zeros((1, 4)), jnp.array([2])).round(4)
    Array([1.3863], dtype=float32)
  """
  return optax.softmax_cross_entropy_with_integer_labels(
    *_classification(logits, labels)
  )


@checked_by(checks.classification)
def margin(logits: Array, labels: Array) -> Array:
  """Margin, `max_{i != y} z_i - z_y`, positive exactly where misclassified.

  Source: Carlini and Wagner 2017, "Towards Evaluating the Robustness of Neural
  Networks", f_6, with the sign reversed and without the truncation at kappa.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> losses.margin(jnp.array([[3.0, 1.0, 0.0]]), jnp.array([1]))
    Array([2.], dtype=float32)
  """
  logits, labels = _classification(logits, labels)
  return _best_other(logits, labels) - _of_label(logits, labels)


def dlr(logits: Array, labels: Array) -> Array:
  """Difference of logits ratio (DLR), `-(z_y - max_{i != y} z_i) / (z_(1) -
  z_(3))`.

  `z_(1) >= z_(2) >= ...` are the sorted logits. The loss is invariant under
  shifts and positive scalings of the logits, so its gradient does not vanish
  for an over-confident model as that of the cross-entropy does. It equals the
  margin if all but one or two classes are excluded.

  Raises:
    ValueError: there are fewer than three classes.

  Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness
  with an ensemble of diverse parameter-free attacks", eq. 6.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> losses.dlr(jnp.array([[4.0, 2.0, 0.0]]), jnp.array([0]))
    Array([-0.5], dtype=float32)
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
  """Targeted DLR loss, `-(z_y - z_t) / (z_(1) - (z_(3) + z_(4)) / 2)`.

  y is the label and t the target class; the loss is positive where the logit of
  the target exceeds that of the label. It equals the difference of the two
  logits if fewer than four classes remain that are not excluded.

  Args:
    target: target classes, `[B]` int.

  Returns:
    an objective. It raises ValueError if there are fewer than four classes.

  Source: Croce and Hein 2020 (AutoAttack), eq. 7.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> loss = losses.targeted_dlr(jnp.array([1]))
    >>> loss(jnp.array([[4.0, 2.0, 0.0, 0.0]]), jnp.array([0]))
    Array([-0.5], dtype=float32)
  """

  def loss(logits: Array, labels: Array) -> Array:
    logits, labels = _classification(logits, labels)
    if logits.shape[-1] < 4:
      raise ValueError(
        f"the targeted DLR loss needs 4 classes or more, got "
        f"{logits.shape[-1]}: use the difference of two logits."
      )
    top = jax.lax.top_k(logits, 4)[0]
    # Without (z_(3) + z_(4)) / 2, whose sum overflows for large logits.
    spread = top[:, 0] - top[:, 2] + 0.5 * (top[:, 2] - top[:, 3])
    return _ratio(logit_difference(target)(logits, labels), spread, top[:, 3])

  return loss


def logit_difference(target: Array) -> Objective:
  """Difference of two logits, `z_t - z_y`, for target classes t.

  Args:
    target: target classes, `[B]` int.

  Returns:
    an objective, positive where the logit of the target exceeds the label's.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import losses
    >>> loss = losses.logit_difference(jnp.array([1]))
    >>> loss(jnp.array([[4.0, 2.0]]), jnp.array([0]))
    Array([-2.], dtype=float32)
  """

  def loss(logits: Array, labels: Array) -> Array:
    logits, labels = _classification(logits, labels)
    index = jnp.asarray(target, jnp.int32)
    return _of_label(logits, index) - _of_label(logits, labels)

  return loss


def _ratio(margin: Array, spread: Array, smallest: Array) -> Array:
  """`margin / spread`, or the margin if the class of `smallest` is excluded."""
  usable = (smallest > EXCLUDED) & (spread > 0)
  return margin / jnp.where(usable, spread, 1.0)


def _classification(logits: Array, labels: Array) -> tuple[Array, Array]:
  """Checks logits and labels and converts them to float32 and int32.

  8-bit labels would be compared with the classes modulo 256.
  """
  checks.classification(logits, labels)
  return jnp.asarray(logits, jnp.float32), jnp.asarray(labels, jnp.int32)


def _of_label(logits: Array, labels: Array) -> Array:
  return jnp.take_along_axis(logits, labels[:, None], axis=-1)[:, 0]


def _best_other(logits: Array, labels: Array) -> Array:
  is_label = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)
  return jnp.max(jnp.where(is_label, -jnp.inf, logits), axis=-1)
