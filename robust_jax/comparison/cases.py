"""Cases of a comparison: all levels of all transformations of the families."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from robust_jax.comparison.code_hash import code_hash
from robust_jax.comparison.data_kinds.base import DataKind
from robust_jax.comparison.data_kinds.images import IMAGES
from robust_jax.comparison.transformation import Family, Transformation
from robust_jax.lookup import find, members
from robust_jax.statistics.outcomes import INVARIANCE_TESTS, Condition

_BASIC = "invariance_tests"


class Case(NamedTuple):
  """One transformation at one level.

  Attributes:
    condition: family, transformation and level, as statistics name them.
    transformation: the transformation.
    level: its level.
    label: the level in words.
  """

  condition: Condition
  transformation: Transformation
  level: int
  label: str

  @property
  def name(self) -> str:
    """Name of the predictions in files: "noise/gaussian_noise/3"."""
    c = self.condition
    return f"{c.family}/{c.transformation}/{self.level}"


class Cases(NamedTuple):
  """All cases of a comparison.

  Attributes:
    cases: cases of all families.
    about: family -> description in one sentence.
    left_out: "family/transformation" that does not apply to the data -> reason.
    version: hash of all code that transforms examples.
  """

  cases: tuple[Case, ...]
  about: dict[str, str]
  left_out: dict[str, str]
  version: str


def build_cases(
  facts: Any,
  families: Sequence[str] | None = None,
  kind: DataKind = IMAGES,
) -> Cases:
  """Builds the cases of the given families, with the invariance tests first.

  Args:
    facts: what families are asked with, such as the shapes (H, W, C) of images.
    families: members of `kind.families`, or "package.module:function" for one
      of your own. None for all that apply to the data by default.
    kind: the kind of data.

  Returns:
    The `Cases`.

  Raises:
    ValueError: a family is unknown, repeated or does not apply to the data, or
      there is none.

  Example:
    >>> from robust_jax.comparison.cases import build_cases
    >>> cases = build_cases([(28, 28, 1)], ["noise"])
    >>> list(cases.about)
    ['invariance tests', 'noise']
    >>> cases.cases[-1].name
    'noise/impulse_noise/5'
  """
  families = families or None
  names = [n for n in families or members(kind.families) if n != _BASIC]
  if len({_short(name) for name in names}) < len(names):
    raise ValueError(f"families = {', '.join(names)}: expected distinct names.")
  made = {
    name: find(kind.families, name)(facts)
    for name in dict.fromkeys([*members(kind.families), *names])
  }
  found = {INVARIANCE_TESTS: made[_BASIC]}
  for name in names:
    family = made[name]
    if families is None and not family.by_default:
      continue
    if family.transformations or families is None:
      found[_short(name)] = family
    else:
      raise ValueError(_does_not_apply(name, family, kind))
  cases = _cases(found)
  if len({case.condition.family for case in cases}) < 2:
    raise ValueError("no families: expected at least one, or no --families.")
  applied = {case.condition.family for case in cases}
  return Cases(
    cases,
    {name: one.about for name, one in found.items() if name in applied},
    {
      f"{name}/{transformation}": reason
      for name, one in found.items()
      for transformation, reason in one.left_out.items()
    },
    _version(kind, made, names),
  )


def _cases(families: Mapping[str, Family]) -> tuple[Case, ...]:
  return tuple(
    Case(
      Condition(family, transformation.name, float(level)),
      transformation,
      level,
      label,
    )
    for family, made in families.items()
    for transformation in made.transformations
    for level, label in zip(
      transformation.levels, transformation.labels, strict=True
    )
  )


def _does_not_apply(name, family, kind) -> str:
  why = "".join(f"; {what}: {why}" for what, why in family.left_out.items())
  return (
    f"family '{name}' does not apply to these {kind.name}{why}. {family.about}"
  )


def _short(name) -> str:
  """Returns the name of a family in reports."""
  return name.rpartition(":")[2]


def _version(kind, made, names) -> str:
  """Hashes the code of all changes and families.

  Families that do not apply by default count only where they are named.
  """
  families = [
    name
    for name in members(kind.families)
    if name in names or made[name].by_default
  ]
  return code_hash(
    "robust_jax.comparison.transformation",
    *kind.code,
    *(f"{kind.families.__name__}.{name}" for name in families),
    *(name.partition(":")[0] for name in names if ":" in name),
  )
