"""Exact nearest adversarial examples of a decision tree."""

from typing import Any

import numpy as np

from robust_jax import checks


def nearest_leaf(tree: Any, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
  """The nearest image in L2 that falls into a leaf of another class.

  A leaf is a box: the features on the path to it are bounded, the others are
  free. The nearest image in a leaf differs in bounded features only, each moved
  just across its threshold. All leaves are tried, so the result is optimal.

  Args:
    tree: a fitted `sklearn.tree.DecisionTreeClassifier` on flattened images,
      with classes 0..K-1.
    x: images `[B, ...]` in [0, 1].
    labels: labels `[B]`.

  Returns:
    x_adv `[B, ...]` float32 in [0, 1]; x itself where the tree already
    misclassifies it, or has no other class.

  Raises:
    ValueError: images or labels are invalid.

  Source: after Papernot et al. 2016, "Transferability in Machine Learning",
  whose attack edits the path to a leaf of another class that is near in the
  tree.

  Deviation: the leaf is the one that is nearest in the image.

  Example:
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from robust_jax.attacks.minimal_norm.decision_trees import nearest_leaf
    >>> stump = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])
    >>> nearest_leaf(stump, np.array([[1.0]]), np.array([1]))  # at 0.5
    array([[0.5]], dtype=float32)
  """
  checks.images(x)
  labels = np.asarray(labels)
  checks.labels(labels, len(x), np.iinfo(np.int64).max)
  flat = np.asarray(x, np.float32).reshape(len(x), -1)
  best = flat.copy()
  nearest = np.full(len(flat), np.inf)
  for features, low, high, predicted in _leaves(tree.tree_):
    inside = np.clip(flat[:, features], low, high)
    far = np.square(inside - flat[:, features]).sum(axis=1)
    closer = (predicted != labels) & (far < nearest)
    best[closer] = flat[closer]
    best[np.ix_(closer, features)] = inside[closer]
    nearest[closer] = far[closer]
  return best.reshape(x.shape)


def _leaves(nodes):
  """Yields bounded features, their bounds and the class of each leaf.

  Bounds are inclusive and in float32, in which scikit-learn compares.
  """
  waiting: list[tuple[int, dict[int, tuple[np.float32, np.float32]]]]
  waiting = [(0, {})]
  while waiting:
    node, bounds = waiting.pop()
    if nodes.children_left[node] < 0:
      features = np.array(list(bounds), int)
      ends = np.array(list(bounds.values()), np.float32).reshape(-1, 2)
      yield features, *ends.T, int(nodes.value[node, 0].argmax())
      continue
    feature, threshold = int(nodes.feature[node]), nodes.threshold[node]
    low, high = bounds.get(feature, (np.float32(0), np.float32(1)))
    down = np.float32(threshold)
    if down > threshold:
      down = np.nextafter(down, np.float32(-1))
    up = np.nextafter(down, np.float32(2))
    for child, interval in (
      (nodes.children_left[node], (low, min(high, down))),
      (nodes.children_right[node], (max(low, up), high)),
    ):
      if interval[0] <= interval[1]:
        waiting.append((child, bounds | {feature: interval}))
