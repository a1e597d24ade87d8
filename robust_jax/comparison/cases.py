"""Cases of a comparison: all levels of all transformations of the families."""

from collections.abc import Sequence
from typing import NamedTuple

from robust_jax import lookup
from robust_jax.comparison.code_hash import code_hash
from robust_jax.comparison.transformation import Family, Shapes, Transformation
from robust_jax.statistics.outcomes import INVARIANCE_TESTS, Condition

_HOME = "comparison.families"
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
    version: hash of all code that transforms images.
  """

  cases: tuple[Case, ...]
  about: dict[str, str]
  version: str


def build_cases(
  shapes: Shapes,
  families: Sequence[str] | None = None,
) -> Cases:
  """Builds the cases of the given families, with the invariance tests first.

  Args:
    shapes: shapes (H, W, C) of the images.
    families: members of `comparison.families`, or "package.module:function" for
      one of your own. None for all that apply to the images by default.

  Returns:
    The `Cases`.

  Raises:
    ValueError: a family is unknown, repeated or does not apply to the images,
      or there is none.

  Example:
    >>> from robust_jax.comparison.cases import build_cases
    >>> cases = build_cases([(28, 28, 1)], ["noise"])
    >>> list(cases.about)
    ['invariance tests', 'noise']
    >>> cases.cases[-1].name
    'noise/impulse_noise/5'
  """
  given = families is not None
  names = [n for n in families or lookup.members(_HOME) if n != _BASIC]
  if len({_short(name) for name in names}) < len(names):
    raise ValueError(f"families = {', '.join(names)}: expected distinct names.")
  found = {INVARIANCE_TESTS: _family(_BASIC, shapes)}
  for name in names:
    family = _family(name, shapes)
    if not given and not family.by_default:
      continue
    if family.transformations:
      found[_short(name)] = family
    elif given:
      raise ValueError(
        f"family '{name}' does not apply to images of the shapes "
        f"{sorted(set(shapes))}: {family.about}"
      )
  if len(found) == 1:
    raise ValueError("no families: expected at least one, or no --families.")
  cases = tuple(
    Case(
      Condition(family, transformation.name, float(level)),
      transformation,
      level,
      label,
    )
    for family, made in found.items()
    for transformation in made.transformations
    for level, label in zip(
      transformation.levels, transformation.labels, strict=True
    )
  )
  about = {name: family.about for name, family in found.items()}
  return Cases(cases, about, _version(names, shapes))


def _short(name) -> str:
  """Returns the name of a family in reports."""
  return name.rpartition(":")[2]


def _family(name, shapes) -> Family:
  return lookup.find(_HOME, name)(shapes)


def _version(names, shapes) -> str:
  """Hashes the code of all corruptions and families.

  Families that do not apply by default count only where they are named.
  """
  families = [
    name
    for name in lookup.members(_HOME)
    if name in names or _family(name, shapes).by_default
  ]
  return code_hash(
    "robust_jax.comparison.transformation",
    "robust_jax.corruptions",
    *(f"robust_jax.{_HOME}.{name}" for name in families),
    *(name.partition(":")[0] for name in names if ":" in name),
  )
