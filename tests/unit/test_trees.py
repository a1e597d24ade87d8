"""The exact attack on a decision tree."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from robust_jax.attacks.minimal_norm.decision_trees import nearest_leaf

RNG = np.random.default_rng(0)
X = RNG.random((200, 2, 2, 1), np.float32)
Y = (X.sum(axis=(1, 2, 3)) * 1.5).astype(int) % 3


@pytest.fixture(scope="module")
def tree():
  return DecisionTreeClassifier(random_state=0).fit(X.reshape(200, -1), Y)


def test_the_tree_is_fooled_and_the_box_kept(tree):
  x_adv = nearest_leaf(tree, X, Y)
  assert (tree.predict(x_adv.reshape(200, -1)) != Y).all()
  assert x_adv.min() >= 0
  assert x_adv.max() <= 1


def test_nothing_nearer_fools_the_tree(tree):
  # Of 20,000 points around each image none is nearer than what was found.
  x, y = X[:20], Y[:20]
  change = nearest_leaf(tree, x, y) - x
  far = np.linalg.norm(change.reshape(20, -1), axis=1)
  for i in range(20):
    around = x[i].reshape(-1) + RNG.uniform(-far[i], far[i], (20_000, 4))
    around = np.clip(around, 0, 1).astype(np.float32)
    length = np.linalg.norm(around - x[i].reshape(-1), axis=1)
    nearer = around[length < far[i] * (1 - 1e-6)]
    assert len(nearer) > 1000
    assert (tree.predict(nearer) == y[i]).all()


def test_a_single_threshold_is_crossed_by_one_step_of_float32():
  x = np.array([[0.25], [0.75]], np.float32)
  stump = DecisionTreeClassifier().fit(x, [0, 1])  # threshold 0.5
  x_adv = nearest_leaf(stump, x, np.array([0, 1]))
  np.testing.assert_array_equal(
    x_adv, [[np.nextafter(np.float32(0.5), np.float32(1))], [0.5]]
  )


def test_what_is_wrong_already_stays(tree):
  np.testing.assert_array_equal(nearest_leaf(tree, X, (Y + 1) % 3), X)


def test_a_leaf_outside_the_box_is_not_taken():
  # Class 1 lives above 1.5 only.
  stump = DecisionTreeClassifier().fit([[0.0], [3.0]], [0, 1])
  x = np.array([[0.5]], np.float32)
  np.testing.assert_array_equal(nearest_leaf(stump, x, np.array([0])), x)
