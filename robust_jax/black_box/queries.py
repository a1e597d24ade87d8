"""The victim of a black-box attack: its answers, their number, their limit."""

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

# Rows of one call: a bound on the memory of the victim, not on its speed.
_ROWS = 8192
# Probabilities are met by their logarithm, and trees answer 0 exactly.
_SMALLEST = 1e-12


class QueryResult(NamedTuple):
  """What a black-box attack found, one entry per example.

  Attributes:
    x_adv: `[B, ...]` in [0, 1], with the dtype of x; x itself where nothing
      was found.
    success: bool `[B]`; the victim's answer on x_adv, asked once more.
    queries: int `[B]`, images sent to the victim on behalf of each example,
      the first look at x and that last question among them.
    l2: `[B]`, Euclidean length of the change.
    linf: `[B]`, its largest coordinate.
  """

  x_adv: np.ndarray
  success: np.ndarray
  queries: np.ndarray
  l2: np.ndarray
  linf: np.ndarray


BlackBoxAttack = Callable[[Key, Predict, np.ndarray, np.ndarray], QueryResult]
"""(key, predict, x `[B, ...]`, labels `[B]`) -> QueryResult."""


def ask(predict: Predict, images: np.ndarray) -> np.ndarray:
  """What the victim answers: scores `[N, K]` or labels `[N]`, a few at a time.

  The victim gets images of its own, and may write into them.

  Raises:
    ValueError: the answer is neither.
  """
  pieces = [images[i : i + _ROWS].copy() for i in range(0, len(images), _ROWS)]
  return np.concatenate([_checked(predict(p), len(p)) for p in pieces])


def labels_of(predict: Predict, images: np.ndarray) -> np.ndarray:
  """The classes that the victim answers, int `[N]`.

  Raises:
    ValueError: the answer is neither scores nor labels.
  """
  answer = ask(predict, np.asarray(images, np.float32))
  return answer if answer.ndim == 1 else answer.argmax(axis=1)


class Victim:
  """`predict` during one attack on one batch; nothing is asked beyond a budget.

  The one mutable thing of an attack is `spent`. One query of each budget is
  kept back for `conclude`.

  Args:
    predict: the victim.
    x: clean images `[B, ...]`.
    labels: `[B]`; with `targeted` those that the adversary wants.
    max_queries: budget of each example, an int or `[B]`, at least 2.
    targeted: whether fooled means answering the label or not answering it.

  Raises:
    ValueError: images, labels or a budget that cannot be meant; later, answers
      that are neither scores nor labels.
  """

  def __init__(self, predict: Predict, x, labels, max_queries, targeted: bool):
    checks.images(x)
    self.x = np.asarray(x, np.float32)
    self.labels = np.asarray(labels)
    checks.labels(self.labels, len(self.x), np.iinfo(np.int64).max)
    if np.any(np.asarray(max_queries) < 2):
      raise ValueError(
        f"max_queries = {max_queries}: expected 2 or more, one to look at the "
        "original and one to check the result."
      )
    self._predict = predict
    self._dtype = x.dtype
    self._targeted = targeted
    self._budget = np.broadcast_to(max_queries, len(self.x))
    self._are_probabilities = None
    self._has_warned = False
    self.spent = np.zeros(len(self.x), np.int64)

  @property
  def left(self) -> np.ndarray:
    """Queries that each example may still make, `[B]`."""
    return self._budget - 1 - self.spent

  def fooled(self, images: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Whether each image is an adversarial one, bool `[M]`.

    Args:
      images: `[M, ...]`.
      owner: int `[M]`, the example on whose behalf each is asked. What its
        budget no longer allows is not asked, and not adversarial.
    """
    sent = self._charge(owner)
    result = np.zeros(len(images), bool)
    result[sent] = self._is_fooled(self._ask(images[sent]), owner[sent])
    return result

  def margin(self, images: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """How far each image is on the adversary's side, float64 `[M]`.

    The best other score less the label's, or the reverse for a target:
    positive where the victim is fooled; `-inf` where the budget is spent or the
    answer is NaN. Of probabilities it is the margin of their logarithms, that
    is, of the logits they came from.

    Raises:
      ValueError: the victim answers labels only.
    """
    sent = self._charge(owner)
    result = np.full(len(images), -np.inf)
    answer = self._ask(images[sent])
    if answer.ndim == 1:
      raise ValueError(
        "this attack needs scores [N, K] and the victim answers labels: use "
        "black_box.hop_skip_jump or black_box.boundary."
      )
    result[sent] = self._margin(answer, owner[sent])
    return result

  def conclude(self, x_adv: np.ndarray) -> QueryResult:
    """The result, once the victim has been asked about it a last time."""
    dtype = jax.dtypes.canonicalize_dtype(self._dtype)
    x_adv = tree.rounded_towards(jnp.asarray(self.x, dtype), jnp.asarray(x_adv))
    x_adv = np.asarray(x_adv).astype(self._dtype)
    seen = x_adv.astype(np.float32)
    everyone = np.arange(len(seen))
    self.spent += 1
    success = self._is_fooled(self._ask(seen), everyone)
    return QueryResult(
      x_adv,
      success,
      self.spent.copy(),
      geometry.distance(self.x, seen, "l2"),
      geometry.distance(self.x, seen, "linf"),
    )

  def _charge(self, owner):
    """The rows that the budgets allow, in order; they are counted as spent."""
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], owner[order])
    rank = np.empty(len(owner), np.int64)
    rank[order] = np.arange(len(owner)) - first
    sent = np.flatnonzero(rank < self.left[owner])
    np.add.at(self.spent, owner[sent], 1)
    return sent

  def _ask(self, images):
    if not len(images):
      return np.zeros((0, 2))
    answer = ask(self._predict, images)
    if answer.ndim == 1:
      return answer
    if answer.shape[1] <= self.labels.max():
      raise ValueError(
        f"the victim answered {answer.shape[1]} scores per image: expected "
        f"more than {self.labels.max()}, the largest label."
      )
    return self._as_logits(answer)

  def _as_logits(self, scores):
    # With all the digits they came with: their differences count.
    scores = scores.astype(np.float64)
    bad = np.isnan(scores).any(axis=1)
    if bad.any() and not self._has_warned:
      self._has_warned = True
      warnings.warn(
        f"the victim answered NaN to {bad.sum()} of {len(bad)} images: they "
        "count as not fooled.",
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

  def _is_fooled(self, answer, owner):
    labels = self.labels[owner]
    if answer.ndim == 1:
      return (answer == labels) == self._targeted
    hit = (answer.argmax(axis=1) == labels) == self._targeted
    return hit & ~np.isnan(answer).any(axis=1)

  def _margin(self, scores, owner):
    rows, label = np.arange(len(scores)), self.labels[owner]
    others = scores.copy()
    others[rows, label] = -np.inf
    margin = others.max(axis=1) - scores[rows, label]
    if self._targeted:
      margin = -margin
    return np.where(np.isnan(margin), -np.inf, margin)


def _checked(answer, num_rows):
  expected = (
    f"expected integer labels [{num_rows}] or scores [{num_rows}, K] of two "
    "classes or more."
  )
  if not (hasattr(answer, "__array__") or isinstance(answer, list)):
    raise ValueError(
      f"the victim answered a {type(answer).__name__}: {expected}"
    )
  answer = np.array(answer)
  is_label = answer.ndim == 1 and np.issubdtype(answer.dtype, np.integer)
  is_score = answer.ndim == 2 and answer.shape[1] > 1
  if not (is_label or is_score) or len(answer) != num_rows:
    raise ValueError(
      f"the victim answered {answer.dtype} {answer.shape} to {num_rows} "
      f"images: {expected}"
    )
  return answer
