"""Differentiable twins of classifiers that were fitted elsewhere."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array, Model


def linear_classifier(estimator: Any) -> Model:
  """A linear classifier of scikit-learn as a function of images.

  Its logits are `decision_function`, one per class (0 and the score where there
  are two classes): for logistic regression the logits, for a linear SVM the
  distances to each class's hyperplane, up to its scale.

  Args:
    estimator: fitted on flattened images, with `coef_`, `intercept_` and
      classes 0..K-1: LogisticRegression, LinearSVC, SGDClassifier, ...

  Raises:
    ValueError: it is none of these, or answers other classes.
  """
  names = ("coef_", "intercept_", "classes_")
  if not all(hasattr(estimator, name) for name in names):
    raise ValueError(
      f"{type(estimator).__name__} has no coef_, intercept_ and classes_: "
      "expected a fitted linear classifier."
    )
  num_classes = len(estimator.classes_)
  if not np.array_equal(estimator.classes_, np.arange(num_classes)):
    raise ValueError(
      f"classes {estimator.classes_}: expected 0..{num_classes - 1}."
    )
  coef, intercept = estimator.coef_, estimator.intercept_
  if num_classes == 2 and len(coef) == 1:
    coef = np.concatenate([0 * coef, coef])
    intercept = np.concatenate([0 * intercept, intercept])
  if len(coef) != num_classes:
    raise ValueError(
      f"coef_ of shape {coef.shape} for {num_classes} classes: expected one "
      "row per class. Of support vector machines take LinearSVC, which "
      "compares each class with the rest."
    )
  return jax.tree_util.Partial(
    _affine,
    jnp.asarray(coef, jnp.float32),
    jnp.asarray(np.broadcast_to(intercept, num_classes), jnp.float32),
  )


def soft_neighbors(
  x: np.ndarray,
  labels: np.ndarray,
  num_classes: int,
  temperature: Array | float = 1.0,
) -> Model:
  """k nearest neighbors made smooth: every neighbor votes, near ones more.

  The softmax of the logits is the fraction that each class has of the weights
  `exp(-||x' - x_i||^2 / temperature)`.

  Args:
    x: training images `[N, ...]`.
    labels: theirs, int `[N]`; every class occurs.
    num_classes: K.
    temperature: squared input units; the smaller, the nearer to one neighbor.

  Raises:
    ValueError: a class without an image.

  Source: Papernot et al. 2016, "Transferability in Machine Learning".
  """
  absent = np.setdiff1d(np.arange(num_classes), labels)
  if len(absent):
    raise ValueError(f"no training image of class {absent[0]}.")
  flat = jnp.asarray(x, jnp.float32).reshape(len(x), -1)
  one_of_each = jnp.zeros(num_classes)
  center = flat.mean(axis=0)
  return jax.tree_util.Partial(
    _soft_neighbors,
    flat - center,
    center,
    jnp.asarray(labels),
    one_of_each,
    temperature,
  )


def _affine(coef, intercept, x):
  return x.reshape(len(x), -1) @ coef.T + intercept


def _soft_neighbors(stored, center, labels, one_of_each, temperature, x):
  # Far from the origin the squares would cancel.
  flat = x.astype(jnp.float32).reshape(len(x), -1) - center
  squares = (stored**2).sum(axis=1)[:, None] + (flat**2).sum(axis=1)
  score = -(squares - 2 * stored @ flat.T) / temperature  # [N, B]
  # A log-sum-exp of each class, with its own maximum.
  num_classes = len(one_of_each)
  top = jax.lax.stop_gradient(jax.ops.segment_max(score, labels, num_classes))
  weights = jnp.exp(score - top[labels])
  return (top + jnp.log(jax.ops.segment_sum(weights, labels, num_classes))).T
