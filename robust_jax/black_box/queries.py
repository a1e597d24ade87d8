"""Queries to the victim model of a black-box attack, within a budget."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks, tree
from robust_jax.black_box import geometry
from robust_jax.types import Key

Predict = Callable[[np.ndarray], np.ndarray]
"""Any function on the host: images `[N, ...]` float32 in [0, 1] -> scores
`[N, K]` (logits or probabilities) or labels `[N]` (integers)."""

# Rows of one call, which bound the memory that the victim needs.
_ROWS = 8192
# Lower bound of probabilities before the logarithm; trees return exactly 0.
_SMALLEST = 1e-12


class QueryResult(NamedTuple):
  """Result of a black-box attack, one entry per example.

  Attributes:
    x_adv: `[B, ...]` in [0, 1], with the dtype of x; x itself where the attack
      failed.
    success: bool `[B]`, from one more evaluation of x_adv.
    queries: int `[B]`, number of images sent to the victim for each example,
      including the first evaluation of x and that last one.
    l2: `[B]`, Euclidean norm of the change.
    linf: `[B]`, largest change of a coordinate.
  """

  x_adv: np.ndarray
  success: np.ndarray
  queries: np.ndarray
  l2: np.ndarray
  linf: np.ndarray


BlackBoxAttack = Callable[[Key, Predict, np.ndarray, np.ndarray], QueryResult]
"""(key, predict, x `[B, ...]`, labels `[B]`) -> QueryResult."""


def query(predict: Predict, images: np.ndarray) -> np.ndarray:
  """Queries the victim, for scores `[N, K]` or labels `[N]`.

  It is called with a limited number of images at a time, on copies, which it
  may overwrite.

  Raises:
    ValueError: the output is neither scores nor labels.
  """
  pieces = [images[i : i + _ROWS].copy() for i in range(0, len(images), _ROWS)]
  return np.concatenate([_checked(predict(p), len(p)) for p in pieces])


def predicted_labels(predict: Predict, images: np.ndarray) -> np.ndarray:
  """The classes that the victim predicts, int `[N]`.

  Raises:
    ValueError: the output is neither scores nor labels.
  """
  output = query(predict, np.asarray(images, np.float32))
  return output if output.ndim == 1 else output.argmax(axis=1)


class Victim:
  """The victim model during one attack on one batch, within the query budgets.

  `spent` is the only mutable state of an attack. One query of each budget is
  reserved for `conclude`.

  Args:
    predict: the victim.
    x: clean images `[B, ...]`.
    labels: labels `[B]`, which are target classes if `targeted`.
    max_queries: budget of each example, an int or `[B]`, at least 2.
    targeted: whether an image is adversarial if its label is predicted, or if
      another class is.

  Raises:
    ValueError: images, labels or a budget are invalid; later, if an output is
      neither scores nor labels.

  Example:
    >>> import numpy as np
    >>> from robust_jax.black_box.queries import Victim
    >>> x, y = np.array([[0.75, 0.25]], np.float32), np.array([0])
    >>> victim = Victim(lambda x: x, x, y, max_queries=3, targeted=False)
    >>> victim.is_adversarial(1 - x, np.array([0])), victim.remaining
    (array([ True]), array([1]))
  """

  def __init__(
    self,
    predict: Predict,
    x: np.ndarray,
    labels: np.ndarray,
    max_queries: int | np.ndarray,
    targeted: bool,
  ):
    checks.images(x)
    self.x = np.asarray(x, np.float32)
    self.labels = np.asarray(labels)
    checks.labels(self.labels, len(self.x), np.iinfo(np.int64).max)
    if np.any(np.asarray(max_queries) < 2):
      raise ValueError(
        f"max_queries = {max_queries}: expected 2 or more, one for the "
        "original and one for the result."
      )
    self._predict = predict
    self._dtype = x.dtype
    self._targeted = targeted
    self._budget = np.broadcast_to(max_queries, len(self.x))
    self._are_probabilities = None
    self._has_warned = False
    self.spent = np.zeros(len(self.x), np.int64)

  @property
  def remaining(self) -> np.ndarray:
    """Number of queries that each example may still make, `[B]`."""
    return self._budget - 1 - self.spent

  def is_adversarial(self, images: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Returns whether each image is adversarial, bool `[M]`.

    Args:
      images: `[M, ...]`.
      owner: int `[M]`, the example whose budget pays for each image. Images
        beyond a budget are not sent, and not adversarial.
    """
    sent = self._charge(owner)
    result = np.zeros(len(images), bool)
    result[sent] = self._is_adversarial(self._query(images[sent]), owner[sent])
    return result

  def margin(self, images: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Margin of each image on the adversary's side, float64 `[M]`.

    The largest score of another class minus the label's, or its negative if
    targeted: positive where the image is adversarial, and `-inf` where the
    budget is spent or the output is NaN. For probabilities it is the margin of
    their logarithms, that is, of the underlying logits.

    Raises:
      ValueError: the victim returns labels only.
    """
    sent = self._charge(owner)
    result = np.full(len(images), -np.inf)
    output = self._query(images[sent])
    if output.ndim == 1:
      raise ValueError(
        "this attack needs scores [N, K] and the victim returns labels: use "
        "black_box.hop_skip_jump or black_box.boundary."
      )
    result[sent] = self._margin(output, owner[sent])
    return result

  def conclude(self, x_adv: np.ndarray) -> QueryResult:
    """Evaluates `x_adv` once more and returns the result."""
    dtype = jax.dtypes.canonicalize_dtype(self._dtype)
    rounded = tree.rounded_towards(
      jnp.asarray(self.x, dtype), jnp.asarray(x_adv)
    )
    x_adv = np.asarray(rounded).astype(self._dtype)
    seen = x_adv.astype(np.float32)
    everyone = np.arange(len(seen))
    self.spent += 1
    success = self._is_adversarial(self._query(seen), everyone)
    return QueryResult(
      x_adv,
      success,
      self.spent.copy(),
      geometry.distance(self.x, seen, "l2"),
      geometry.distance(self.x, seen, "linf"),
    )

  def _charge(self, owner):
    """Rows within the budgets, in order; they are counted as spent."""
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], owner[order])
    rank = np.empty(len(owner), np.int64)
    rank[order] = np.arange(len(owner)) - first
    sent = np.flatnonzero(rank < self.remaining[owner])
    np.add.at(self.spent, owner[sent], 1)
    return sent

  def _query(self, images):
    if not len(images):
      return np.zeros((0, 2))
    output = query(self._predict, images)
    if output.ndim == 1:
      return output
    if output.shape[1] <= self.labels.max():
      raise ValueError(
        f"the victim returned {output.shape[1]} scores per image: expected "
        f"more than {self.labels.max()}, the largest label."
      )
    return self._as_logits(output)

  def _as_logits(self, scores):
    # In float64, since differences of scores matter.
    scores = scores.astype(np.float64)
    bad = np.isnan(scores).any(axis=1)
    if bad.any() and not self._has_warned:
      self._has_warned = True
      warnings.warn(
        f"the victim returned NaN for {bad.sum()} of {len(bad)} images: they "
        "count as not adversarial.",
        stacklevel=2,
      )
    if self._are_probabilities is None and not bad.all():
      good = scores[~bad]
      self._are_probabilities = bool(
        np.all(good >= 0) and np.allclose(good.sum(axis=1), 1, atol=1e-3)
      )
    if self._are_probabilities:
      scores = np.log(np.maximum(scores, _SMALLEST))
    return scores

  def _is_adversarial(self, output, owner):
    labels = self.labels[owner]
    if output.ndim == 1:
      return (output == labels) == self._targeted
    success = (output.argmax(axis=1) == labels) == self._targeted
    return success & ~np.isnan(output).any(axis=1)

  def _margin(self, scores, owner):
    rows, label = np.arange(len(scores)), self.labels[owner]
    others = scores.copy()
    others[rows, label] = -np.inf
    margin = others.max(axis=1) - scores[rows, label]
    if self._targeted:
      margin = -margin
    return np.where(np.isnan(margin), -np.inf, margin)


def _checked(output, num_rows):
  expected = (
    f"expected integer labels [{num_rows}] or scores [{num_rows}, K] of two "
    "classes or more."
  )
  if not (hasattr(output, "__array__") or isinstance(output, list)):
    raise ValueError(
      f"the victim returned a {type(output).__name__}: {expected}"
    )
  output = np.array(output)
  is_label = output.ndim == 1 and np.issubdtype(output.dtype, np.integer)
  is_score = output.ndim == 2 and output.shape[1] > 1
  if not (is_label or is_score) or len(output) != num_rows:
    raise ValueError(
      f"the victim returned {output.dtype} {output.shape} for {num_rows} "
      f"images: {expected}"
    )
  return output
