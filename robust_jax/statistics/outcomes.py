"""Which images were answered right, clean and under every transformation."""

import dataclasses
import math
from collections.abc import Hashable, Sequence

import numpy as np

INVARIANCE_TESTS = "invariance tests"
"""The family of changes that should not matter: identity, a shift by a pixel.

Failing there is a bug, not a hard image: it enters no risk, and each of its
transformations is judged by itself."""


@dataclasses.dataclass(frozen=True)
class Condition:
  """One transformation at one severity, the name of a column.

  Attributes:
    family: "noise", "blur", ..., or `INVARIANCE_TESTS`.
    transformation: "gaussian_noise", ...
    severity: larger is harder, in the transformation's own unit.
    weight: of this condition within its family, relative to the others.
  """

  family: str
  transformation: str
  severity: float
  weight: float = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class Outcomes:
  """One model's answers to N images under T conditions.

  Attributes:
    ids: N names of images, unlike each other.
    clean: bool `[N]`, right without a transformation.
    transformed: bool `[N, T]`, right under each condition.
    conditions: T columns.
    labeled: False where the clean answer stood in for the label.
    labels: int `[N]`, the class of each image; None where it is not known, and
      then nothing is said about classes.

  Raises:
    ValueError: shapes that do not fit, ids or conditions given twice, values
      other than true and false, weights of 0 or less, no family at risk.
  """

  ids: tuple[Hashable, ...]
  clean: np.ndarray
  transformed: np.ndarray
  conditions: tuple[Condition, ...]
  labeled: bool = True
  labels: np.ndarray | None = None

  def __post_init__(self):
    _check_ids(self.ids)
    _check_conditions(self.conditions)
    shape = (len(self.ids), len(self.conditions))
    _check_answers("clean", self.clean, shape[:1])
    _check_answers("transformed", self.transformed, shape)
    if self.labels is not None and self.labels.shape != shape[:1]:
      raise ValueError(
        f"labels of shape {self.labels.shape}: expected {list(shape[:1])}."
      )

  @property
  def families(self) -> list[str]:
    """Those at risk, in their order; invariance tests are none."""
    names = dict.fromkeys(c.family for c in self.conditions)
    names.pop(INVARIANCE_TESTS, None)
    return list(names)

  @property
  def class_weights(self) -> np.ndarray | None:
    """`[N]` of mean 1, with which all classes of the data count alike."""
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
  """Outcomes from predicted classes; a negative one is no answer, never right.

  Args:
    ids: N names of images.
    clean: int `[N]`, the class predicted without a transformation.
    transformed: int `[N, T]`, under each condition.
    conditions: T columns.
    labels: int `[N]`. None is the metamorphic mode: the clean prediction takes
      the label's place, and a failure is a prediction that changed.

  Raises:
    ValueError: as `Outcomes`, or predictions that are not integers.
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
        "(take the argmax of scores, and count those that are NaN before)."
      )
  size = len(ids)
  for name, value in (("clean predictions", clean), ("labels", truth)):
    if value.shape != (size,):
      raise ValueError(f"{name} of shape {value.shape}: expected [{size}].")
  if transformed.shape != (size, len(conditions)):
    raise ValueError(
      f"predictions of shape {transformed.shape}: expected "
      f"[{size}, {len(conditions)}], images by conditions."
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
    raise ValueError("no images: expected at least one.")
  seen, twice = set(), []
  for name in ids:
    if name in seen:
      twice.append(name)
    seen.add(name)
  if twice:
    raise ValueError(
      f"{len(twice)} images have an id that another one has, such as "
      f"{twice[0]!r}: expected ids unlike each other, since the same image "
      "twice makes intervals too narrow."
    )


def _check_conditions(conditions):
  keys = [(c.family, c.transformation, c.severity) for c in conditions]
  if len(set(keys)) < len(keys):
    twice = next(k for k in keys if keys.count(k) > 1)
    raise ValueError(f"condition {twice} is given twice: expected it once.")
  for c in conditions:
    if not (math.isfinite(c.weight) and c.weight > 0):
      raise ValueError(
        f"weight = {c.weight} of {c.transformation}: expected more than 0; "
        "leave out what should not count."
      )
    if not math.isfinite(c.severity):
      raise ValueError(
        f"severity = {c.severity} of {c.transformation}: expected a number."
      )
  if all(c.family == INVARIANCE_TESTS for c in conditions):
    raise ValueError(
      f"{len(conditions)} conditions, none of which a risk could be made of: "
      f"expected at least one family beside '{INVARIANCE_TESTS}'."
    )


def _check_answers(name, value, shape):
  if value.shape != shape:
    raise ValueError(
      f"{name} of shape {value.shape}: expected {list(shape)}, images by "
      "conditions."
    )
  if value.dtype != bool:
    raise ValueError(
      f"{name} of dtype {value.dtype}: expected true or false for every image; "
      "an answer that is missing or NaN must be counted as wrong by who knows "
      "why."
    )
