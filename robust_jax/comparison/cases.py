"""Under what models are compared: families by name, for given images."""

from collections.abc import Sequence
from typing import NamedTuple

from robust_jax import lookup
from robust_jax.comparison.code_hash import code_hash
from robust_jax.comparison.transformation import Family, Shapes, Transformation
from robust_jax.statistics.outcomes import INVARIANCE_TESTS, Condition

_HOME = "comparison.families"
_BASIC = "invariance_tests"


class Case(NamedTuple):
  """One condition, and what is done in it.

  Attributes:
    condition: its family, transformation and level, as statistics name it.
    transformation: what is done.
    level: how much of it.
    label: the level in words.
  """

  condition: Condition
  transformation: Transformation
  level: int
  label: str

  @property
  def name(self) -> str:
    """Under which answers are stored: "noise/gaussian_noise/3"."""
    c = self.condition
    return f"{c.family}/{c.transformation}/{self.level}"


class Cases(NamedTuple):
  """What there is to be asked.

  Attributes:
    cases: of all families.
    about: family -> a sentence.
    version: a digest of all code that transforms.
  """

  cases: tuple[Case, ...]
  about: dict[str, str]
  version: str


def build_cases(
  shapes: Shapes,
  families: Sequence[str] | None = None,
) -> Cases:
  """The cases of these families, those of invariance tests always first.

  Args:
    shapes: of the images, (H, W, C) each.
    families: modules of `comparison.families`, or "package.module:function"
      for one of your own. None is all that apply to the images, without those
      that are taken by name alone.

  Raises:
    ValueError: an unknown family, one given twice, one that does not apply to
      the images, or none at all.
  """
  given = families is not None
  names = [n for n in families or lookup.members(_HOME) if n != _BASIC]
  if len({_short(name) for name in names}) < len(names):
    raise ValueError(f"families = {', '.join(names)}: expected each once.")
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
  """What reports call a family."""
  return name.rpartition(":")[2]


def _family(name, shapes) -> Family:
  return lookup.find(_HOME, name)(shapes)


def _version(names, shapes) -> str:
  """Of all corruptions and families, of those named alone only where named."""
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
