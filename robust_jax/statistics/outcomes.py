"""Outcomes: correctness of a model's predictions, clean and transformed."""

import dataclasses
import math
from collections.abc import Hashable, Sequence

import numpy as np

INVARIANCE_TESTS = "invariance tests"
"""Family of changes that should not matter, such as the same example again.

A failure there is a bug, not a hard example: it does not count in any risk, and
each of its transformations is checked on its own.
"""


@dataclasses.dataclass(frozen=True)
class Condition:
  """A transformation at one severity, the name of a column.

  Attributes:
    family: "noise", "blur", ..., or `INVARIANCE_TESTS`.
    transformation: "gaussian_noise", ...
    severity: larger is harder, in the unit of the transformation.
    weight: relative weight of the condition within its family.
  """

  family: str
  transformation: str
  severity: float
  weight: float = 1.0


def families(conditions: Sequence[Condition]) -> list[str]:
  """Families that count in a risk, in order; not the invariance tests."""
  names = dict.fromkeys(c.family for c in conditions)
  names.pop(INVARIANCE_TESTS, None)
  return list(names)


@dataclasses.dataclass(frozen=True, eq=False)
class Outcomes:
  """Correctness of one model's predictions on N examples under T conditions.

  Attributes:
    ids: N distinct names of examples.
    clean: bool `[N]`, correct without a transformation.
    transformed: bool `[N, T]`, correct under each condition.
    conditions: T conditions.
    labeled: False where the clean prediction replaces the label.
    labels: int `[N]`, class of each example. None where it is unknown, and then
      there are no statistics of classes.
    clusters: int `[N]`, for examples that are not independent: the cluster of
      each, such as the image of a box. Whole clusters are resampled in
      intervals and flipped in tests. None where each example is one of its own.

  Raises:
    ValueError: shapes do not match, ids or conditions are repeated, values are
      not bool, clusters are not integers, weights are not positive, or all
      conditions are invariance tests.
  """

  ids: tuple[Hashable, ...]
  clean: np.ndarray
  transformed: np.ndarray
  conditions: tuple[Condition, ...]
  labeled: bool = True
  labels: np.ndarray | None = None
  clusters: np.ndarray | None = None

  def __post_init__(self):
    _check_ids(self.ids)
    _check_conditions(self.conditions)
    shape = (len(self.ids), len(self.conditions))
    _check_correct("clean", self.clean, shape[:1])
    _check_correct("transformed", self.transformed, shape)
    if self.labels is not None and self.labels.shape != shape[:1]:
      raise ValueError(
        f"labels of shape {self.labels.shape}: expected {list(shape[:1])}."
      )
    if self.clusters is not None:
      _check_clusters(self.clusters, shape[:1])

  @property
  def families(self) -> list[str]:
    """Families that count in the risk, in order; not the invariance tests."""
    return families(self.conditions)

  @property
  def class_weights(self) -> np.ndarray | None:
    """Weights `[N]` of mean 1 that give equal weight to all classes."""
    if self.labels is None:
      return None
    _, index, counts = np.unique(
      self.labels, return_inverse=True, return_counts=True
    )
    return len(self.labels) / (len(counts) * counts[index])


def from_predictions(
  ids: Sequence[Hashable],
  clean: np.ndarray,
  transformed: np.ndarray,
  conditions: Sequence[Condition],
  labels: np.ndarray | None = None,
) -> Outcomes:
  """Outcomes of predicted classes; a negative class is never correct.

  Args:
    ids: N names of examples.
    clean: int `[N]`, predicted classes without a transformation.
    transformed: int `[N, T]`, predicted classes under each condition.
    conditions: T conditions.
    labels: int `[N]`. None is the metamorphic mode: the clean prediction
      replaces the label, and a failure is a prediction that changed.

  Returns:
    `Outcomes`.

  Raises:
    ValueError: see `Outcomes`; or predictions are not integers.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics import outcomes
    >>> condition = outcomes.Condition("noise", "gaussian_noise", severity=1)
    >>> outcomes.from_predictions(
    ...   ids=["a", "b"],
    ...   clean=np.array([0, 1]),
    ...   transformed=np.array([[0], [0]]),
    ...   conditions=[condition],
    ...   labels=np.array([0, 1]),
    ... ).transformed.tolist()
    [[True], [False]]
  """
  clean, transformed = np.asarray(clean), np.asarray(transformed)
  truth = clean if labels is None else np.asarray(labels)
  for name, value in (
    ("clean predictions", clean),
    ("predictions", transformed),
    ("labels", truth),
  ):
    if not np.issubdtype(value.dtype, np.integer):
      raise ValueError(
        f"{name} of dtype {value.dtype}: expected integers, one class each "
        "(the argmax of scores, and -1 where they are NaN)."
      )
  size = len(ids)
  for name, value in (("clean predictions", clean), ("labels", truth)):
    if value.shape != (size,):
      raise ValueError(f"{name} of shape {value.shape}: expected [{size}].")
  if transformed.shape != (size, len(conditions)):
    raise ValueError(
      f"predictions of shape {transformed.shape}: expected "
      f"[{size}, {len(conditions)}], examples by conditions."
    )
  return Outcomes(
    tuple(ids),
    (clean == truth) & (clean >= 0),
    (transformed == truth[:, None]) & (transformed >= 0),
    tuple(conditions),
    labels is not None,
    None if labels is None else truth,
  )


def _check_ids(ids):
  if len(ids) == 0:
    raise ValueError("no examples: expected at least one.")
  seen: set[Hashable] = set()
  twice = []
  for name in ids:
    if name in seen:
      twice.append(name)
    seen.add(name)
  if twice:
    raise ValueError(
      f"{len(twice)} examples repeat the id of another one, such as "
      f"{twice[0]!r}: expected distinct ids, since repeated examples make "
      "intervals too narrow."
    )


def _check_conditions(conditions):
  keys = [(c.family, c.transformation, c.severity) for c in conditions]
  if len(set(keys)) < len(keys):
    twice = next(k for k in keys if keys.count(k) > 1)
    raise ValueError(f"condition {twice} is repeated: expected it once.")
  for c in conditions:
    if not (math.isfinite(c.weight) and c.weight > 0):
      raise ValueError(
        f"weight = {c.weight} of {c.transformation}: expected more than 0; "
        "leave out conditions that should not count."
      )
    if not math.isfinite(c.severity):
      raise ValueError(
        f"severity = {c.severity} of {c.transformation}: expected a number."
      )
  if all(c.family == INVARIANCE_TESTS for c in conditions):
    raise ValueError(
      f"{len(conditions)} conditions, none of which counts in a risk: expected "
      f"at least one family beside '{INVARIANCE_TESTS}'."
    )


def _check_clusters(clusters, shape):
  if clusters.shape != shape or not np.issubdtype(clusters.dtype, np.integer):
    raise ValueError(
      f"clusters of shape {clusters.shape} and dtype {clusters.dtype}: "
      f"expected integers {list(shape)}, the cluster of each example."
    )


def _check_correct(name, value, shape):
  if value.shape != shape:
    raise ValueError(
      f"{name} of shape {value.shape}: expected {list(shape)}, examples by "
      "conditions."
    )
  if value.dtype != bool:
    raise ValueError(
      f"{name} of dtype {value.dtype}: expected true or false for every "
      "example; a prediction that is missing or NaN counts as wrong."
    )
