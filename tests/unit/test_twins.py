"""Twins answer as their originals do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, LinearSVC

from robust_jax import losses
from robust_jax.models.from_sklearn import linear_classifier
from robust_jax.models.surrogates import soft_neighbors

ARCHIVE = load_digits()
FLAT = (ARCHIVE.data[:800] / 16).astype(np.float32)
X, Y = FLAT.reshape(-1, 8, 8, 1), ARCHIVE.target[:800]
TWO = Y < 2


@pytest.mark.parametrize(
  "estimator", [LogisticRegression(C=0.1), LinearSVC(random_state=0)]
)
def test_linear_twins(estimator):
  fitted = estimator.fit(FLAT, Y)
  # Sums of 64 products in float32 instead of float64.
  np.testing.assert_allclose(
    linear_classifier(fitted)(jnp.asarray(X)),
    fitted.decision_function(FLAT),
    atol=1e-4,
  )


def test_softmax_of_the_twin_is_predict_proba():
  for rows in (TWO, slice(None)):
    fitted = LogisticRegression(C=0.1).fit(FLAT[rows], Y[rows])
    probabilities = jax.nn.softmax(
      linear_classifier(fitted)(jnp.asarray(X[rows]))
    )
    np.testing.assert_allclose(
      probabilities, fitted.predict_proba(FLAT[rows]), atol=1e-5
    )


def test_soft_neighbors_by_their_definition():
  x, stored, labels = X[:4], X[10:60], Y[10:60]
  distance = np.square(FLAT[:4, None] - FLAT[None, 10:60]).sum(axis=2)
  weight = np.exp(-distance.astype(float) / 0.7)
  fraction = weight @ np.eye(10)[labels]
  fraction /= fraction.sum(axis=1, keepdims=True)
  logits = soft_neighbors(stored, labels, 10, 0.7)(jnp.asarray(x))
  np.testing.assert_allclose(jax.nn.softmax(logits), fraction, rtol=1e-3)


def test_a_common_shift_changes_no_neighbor():
  stored, labels, x = X[10:60], Y[10:60], jnp.asarray(X[:4])
  here, there = (  # a sixteenth is exact beside 1000
    soft_neighbors(stored + shift, labels, 10, 1e-3)(x + shift)
    for shift in (0, np.float32(1000))
  )
  np.testing.assert_allclose(there, here, rtol=1e-5)


def test_soft_neighbors_at_low_temperature_are_the_nearest_one():
  one = KNeighborsClassifier(1).fit(FLAT[:500], Y[:500])
  twin = soft_neighbors(X[:500], Y[:500], 10, temperature=1e-3)
  np.testing.assert_array_equal(
    twin(jnp.asarray(X[500:800])).argmax(axis=1), one.predict(FLAT[500:800])
  )


def test_gradients_of_soft_neighbors_do_not_vanish_far_away():
  twin = soft_neighbors(X[:500], Y[:500], 10, temperature=1e-2)
  x, y = jnp.asarray(X[500:520]), jnp.asarray(Y[500:520])
  grad = jax.grad(lambda x: losses.margin(twin(x), y).sum())(x)
  assert jnp.isfinite(grad).all()
  assert (jnp.abs(grad).max(axis=(1, 2, 3)) > 0).all()


def test_what_is_no_linear_classifier_is_refused():
  with pytest.raises(ValueError, match="KNeighborsClassifier has no coef_"):
    linear_classifier(KNeighborsClassifier().fit(FLAT, Y))
  with pytest.raises(ValueError, match="take LinearSVC"):
    linear_classifier(SVC(kernel="linear").fit(FLAT[:200], Y[:200]))
  rows = (Y == 3) | (Y == 4)
  with pytest.raises(ValueError, match=r"classes \[3 4\]: expected 0..1"):
    linear_classifier(LogisticRegression().fit(FLAT[rows], Y[rows]))
  with pytest.raises(ValueError, match="no training image of class 2"):
    soft_neighbors(X[TWO], Y[TWO], 3)
