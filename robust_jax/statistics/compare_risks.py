"""Which of two models is at less risk, on the same images and keys."""

import dataclasses

import numpy as np

from robust_jax.statistics.bootstrap import (
  Method,
  bootstrap,
  exact_interval_if_degenerate,
)
from robust_jax.statistics.compare_classes import (
  ClassDifference,
  compare_classes,
)
from robust_jax.statistics.hypothesis_tests import holm, mcnemar, sign_flip_test
from robust_jax.statistics.outcomes import Outcomes
from robust_jax.statistics.proportions import compare_proportions
from robust_jax.statistics.verdict import Difference, verdict
from robust_jax.statistics.weighted_averages import (
  OVERALL,
  lost_fraction,
  lost_table,
  weighted_averages,
)

ACCURACIES = {
  "clean": "clean accuracy",
  "changed": "accuracy on changed images",
  "balanced_clean": "balanced clean accuracy",
  "balanced_changed": "balanced accuracy on changed images",
}
"""Fields of a `Comparison` that are differences of accuracies, and in words.

Balanced accuracies are means over the classes of the data, which count alike
however many images they have."""


@dataclasses.dataclass(frozen=True)
class Discordance:
  """One condition, on the images that both models answer right clean.

  Attributes:
    family: as transformation and severity, those of the condition.
    transformation: see family.
    severity: see family.
    only_a_lost: images on which A alone fails.
    only_b_lost: images on which B alone fails.
    p_value: McNemar's exact, two-sided.
    p_adjusted: Holm's over all conditions.
  """

  family: str
  transformation: str
  severity: float
  only_a_lost: int
  only_b_lost: int
  p_value: float
  p_adjusted: float


@dataclasses.dataclass(frozen=True)
class Comparison:
  """Two models; `dataclasses.asdict` is JSON.

  Attributes:
    a: name of the first model, "A" in verdicts.
    b: name of the second.
    images: N.
    both_clean_correct: images that both answer right clean.
    clean: difference of clean accuracies; None without labels, as the others.
    changed: of accuracies on changed images, mean over families.
    balanced_clean: of clean accuracies in which all classes count alike; None
      where classes are not known, as the next.
    balanced_changed: of balanced accuracies on changed images.
    overall: difference of overall risks.
    families: differences of risks, by name.
    conditions: invariance tests included.
    classes: of the data, none where they are not known.
    level: of the intervals; 1 - level is the chance of a false verdict.
    draws: of bootstrap and signs.
    method: of the bootstrap.
    seed: of both.
  """

  a: str
  b: str
  images: int
  both_clean_correct: int
  clean: Difference | None
  changed: Difference | None
  balanced_clean: Difference | None
  balanced_changed: Difference | None
  overall: Difference
  families: dict[str, Difference]
  conditions: list[Discordance]
  classes: list[ClassDifference]
  level: float
  draws: int
  method: Method
  seed: int

  @property
  def accuracies(self) -> dict[str, Difference]:
    """Name -> difference; empty without labels."""
    found = {name: getattr(self, name) for name in ACCURACIES}
    return {name: part for name, part in found.items() if part is not None}

  @property
  def measures(self) -> dict[str, Difference]:
    """All that is asked to decide: accuracies, then overall risk."""
    return self.accuracies | {"overall": self.overall}


def compare_risks(
  a: Outcomes,
  b: Outcomes,
  names: tuple[str, str] = ("A", "B"),
  *,
  draws: int = 2000,
  level: float = 0.95,
  method: Method = "bca",
  seed: int = 0,
) -> Comparison:
  """Paired differences of risks with intervals, tests and a verdict for each.

  An image is drawn with both models' answers, so what makes it hard for both
  cancels. Each risk keeps its own denominator, the images that its model gets
  right clean; McNemar's tests are on those that both do.

  Args:
    a: of the first model.
    b: of the second, for the same images, conditions and keys.
    names: of the two, unlike each other, for the sentences.
    draws: as `bootstrap`; level, method and seed too. Of signs there are as
      many, or more where many families are tested at a high level.
    level: of the intervals, and 1 - level of all tests of families together.
    method: "bca" or "percentile".
    seed: of the draws.

  Raises:
    ValueError: other images, another order, other conditions, labels for one
      alone, one name for both; a model that is right about no clean image.
  """
  _check(a, b, names)
  mixed = weighted_averages(a)
  keys = [OVERALL, *((f,) for f in a.families)]
  columns = [0, *(1 + mixed.index[key] for key in keys)]
  tables = [lost_table(o, mixed)[:, columns] for o in (a, b)]
  options = {"draws": draws, "level": level, "method": method, "seed": seed}
  result = bootstrap(np.hstack(tables), _difference, **options)
  both = a.clean & b.clean
  num_images = min(int(a.clean.sum()), int(b.clean.sum()))
  result = exact_interval_if_degenerate(
    result, (-100.0, 100.0), num_images, level
  )
  # The smallest p-value has to be below 1 - level after Holm's correction.
  signs = max(draws, round(4 * len(a.families) / (1 - level)))
  p_values = sign_flip_test(_per_image(*tables), draws=signs, seed=seed)
  adjusted = [p_values[0], *holm(p_values[1:])]
  differences = [
    verdict(
      f"risk under {key[0]}" if key else "overall risk",
      names,
      result.estimate(i),
      float(p_values[i]),
      float(adjusted[i]),
      alpha=1 - level,
      less_is_better=True,
    )
    for i, key in enumerate(keys)
  ]
  return Comparison(
    *names,
    images=len(a.ids),
    both_clean_correct=int(both.sum()),
    **_compare_accuracies(a, b, names, mixed, options),
    overall=differences[0],
    families=dict(zip(a.families, differences[1:], strict=True)),
    conditions=_discordances(a, b, both),
    classes=compare_classes(a, b, draws=draws, seed=seed),
    **options,
  )


def _compare_accuracies(a, b, names, mixed, options):
  found: dict[str, Difference | None] = dict.fromkeys(ACCURACIES)
  if not a.labeled:
    return found
  overall = mixed.matrix[:, mixed.index[OVERALL]]
  changed = [o.transformed @ overall for o in (a, b)]
  for name, what in ACCURACIES.items():
    values = changed if name.endswith("changed") else (a.clean, b.clean)
    weights = a.class_weights if name.startswith("balanced") else None
    if name.startswith("balanced") and weights is None:
      continue
    found[name] = compare_proportions(
      *values, names, what, less_is_better=False, weights=weights, **options
    )
  return found


def _difference(sums):
  first, second = np.split(sums, 2, axis=-1)
  return lost_fraction(first) - lost_fraction(second)


def _per_image(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Differences `[N, R]` whose sums are those of the risks, as fractions.

  What an image adds is counted from the risk that both models would have if
  they were alike, so that its mean is 0 then, even where one model is right
  about far fewer images.
  """
  together = lost_fraction((a + b).sum(axis=0)) / 100
  beyond = [(t[:, 1:] - together * t[:, :1]) / t[:, 0].sum() for t in (a, b)]
  return beyond[0] - beyond[1]


def _discordances(a, b, both):
  lost_a = both[:, None] & ~a.transformed
  lost_b = both[:, None] & ~b.transformed
  only_a = (lost_a & ~lost_b).sum(axis=0)
  only_b = (lost_b & ~lost_a).sum(axis=0)
  p_values = mcnemar(only_a, only_b)
  adjusted = holm(p_values)
  return [
    Discordance(
      family=c.family,
      transformation=c.transformation,
      severity=float(c.severity),
      only_a_lost=int(only_a[i]),
      only_b_lost=int(only_b[i]),
      p_value=float(p_values[i]),
      p_adjusted=float(adjusted[i]),
    )
    for i, c in enumerate(a.conditions)
  ]


def _check(a, b, names):
  if names[0] == names[1]:
    raise ValueError(f"names = {names}: expected two that differ.")
  if a.ids != b.ids:
    shared = len(set(a.ids) & set(b.ids))
    raise ValueError(
      f"{names[0]} answered {len(a.ids)} images and {names[1]} {len(b.ids)}, "
      f"{shared} of them the same: expected the same images in the same order."
    )
  if a.conditions != b.conditions:
    raise ValueError(
      f"{names[0]} and {names[1]} were asked under other conditions: expected "
      "the same transformations, severities and weights in the same order."
    )
  if a.labeled != b.labeled:
    raise ValueError(
      "labels were given for one model alone: expected them for both or "
      "neither."
    )
  if not np.array_equal(a.labels, b.labels):
    raise ValueError(
      f"{names[0]} and {names[1]} have other labels for the same images."
    )
  for name, outcomes in zip(names, (a, b), strict=True):
    if not outcomes.clean.any():
      raise ValueError(
        f"{name} answers none of {len(outcomes.ids)} images right without a "
        "transformation: expected at least one, or there is nothing to lose."
      )
