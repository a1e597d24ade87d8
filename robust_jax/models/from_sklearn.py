"""Classifiers of scikit-learn as differentiable models."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array, Model


def linear_classifier(estimator: Any) -> Model:
  """Converts a fitted linear classifier of scikit-learn into a `Model`.

  Its logits are `decision_function`: for logistic regression the logits, for a
  linear SVM the distance to each class's hyperplane, up to scale. With two
  classes the logits are 0 and the decision function.

  Args:
    estimator: a classifier fitted on flattened images, with `coef_`,
      `intercept_` and classes 0..K-1: LogisticRegression, LinearSVC,
      SGDClassifier, ...

  Returns:
    x `[B, ...]` -> logits `[B, K]`.

  Raises:
    ValueError: the estimator is not linear, not fitted, or has other classes.

  Example:
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from robust_jax.models.from_sklearn import linear_classifier
    >>> x, y = np.array([[0.0], [1.0]]), np.array([0, 1])
    >>> linear_classifier(LogisticRegression().fit(x, y))(x).argmax(1).tolist()
    [0, 1]
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


def _affine(coef: Array, intercept: Array, x: Array) -> Array:
  return x.reshape(len(x), -1) @ coef.T + intercept
