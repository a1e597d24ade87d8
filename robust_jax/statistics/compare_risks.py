"""Paired comparison of the risks of two models on the same examples."""

import dataclasses

import numpy as np

from robust_jax.statistics.bootstrap import (
  BootstrapOptions,
  Method,
  bootstrap,
  exact_interval_if_degenerate,
)
from robust_jax.statistics.clusters import cluster_sums
from robust_jax.statistics.compare_classes import (
  ClassDifference,
  compare_classes,
)
from robust_jax.statistics.discordance import Discordance, discordances
from robust_jax.statistics.hypothesis_tests import holm, sign_flip_test
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
  "changed": "accuracy on changed examples",
  "balanced_clean": "balanced clean accuracy",
  "balanced_changed": "balanced accuracy on changed examples",
}
"""Fields of a `Comparison` that are differences of accuracies, and their names.

Balanced accuracies are means over the classes of the data, each of equal
weight whatever its number of examples.
"""


@dataclasses.dataclass(frozen=True)
class Comparison:
  """Comparison of two models; `dataclasses.asdict` is JSON.

  Attributes:
    a: name of the first model, "A" in verdicts.
    b: name of the second model.
    examples: N.
    both_clean_correct: number of examples that both classify correctly when
      clean.
    clean: difference of clean accuracies; None without labels, as the following
      three.
    changed: difference of accuracies on changed examples, averaged over
      families.
    balanced_clean: difference of balanced clean accuracies; None where classes
      are not known, as the next.
    balanced_changed: difference of balanced accuracies on changed examples.
    overall: difference of overall risks.
    families: differences of risks, by family.
    conditions: discordance under each condition, invariance tests included.
    classes: differences in each class; empty where classes are not known.
    level: confidence level; 1 - level bounds the probability of a false
      verdict.
    draws: number of draws of the bootstrap and of the sign-flip test.
    method: method of the bootstrap.
    seed: seed of both.
  """

  a: str
  b: str
  examples: int
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
    """Differences of accuracies by name; empty without labels."""
    found = {name: getattr(self, name) for name in ACCURACIES}
    return {name: part for name, part in found.items() if part is not None}

  @property
  def measures(self) -> dict[str, Difference]:
    """The measures that decide: accuracies, then overall risk."""
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
  """Paired differences of risks, with intervals, tests and verdicts.

  Examples are resampled together with the predictions of both models, so that
  the difficulty shared by both cancels. Each risk keeps its own denominator,
  the examples that its model classifies correctly when clean; McNemar's tests
  use the examples that both classify correctly. Clusters of examples are
  resampled as a whole, and exact tests flip them as a whole.

  Args:
    a: outcomes of the first model.
    b: outcomes of the second, for the same examples, conditions and keys.
    names: two different names, for the sentences.
    draws: number of bootstrap draws. The sign-flip test uses as many, or more
      where many families are tested at a high level.
    level: confidence level of the intervals; 1 - level is the significance
      level of all tests of families together.
    method: "bca" or "percentile"; see `bootstrap`.
    seed: seed of the draws.

  Returns:
    A `Comparison`.

  Raises:
    ValueError: examples, their order, conditions, labels or clusters differ,
      labels are given for one model only, the names are equal, or a model
      classifies no clean example correctly.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics import outcomes
    >>> from robust_jax.statistics.compare_risks import compare_risks
    >>> condition = outcomes.Condition("noise", "gaussian_noise", 1)
    >>> ids, clean = tuple(range(40)), np.ones(40, bool)
    >>> robust = outcomes.Outcomes(ids, clean, clean[:, None], (condition,))
    >>> fragile = outcomes.Outcomes(ids, clean, ~clean[:, None], (condition,))
    >>> compare_risks(robust, fragile).overall.verdict
    'A better'
  """
  _check(a, b, names)
  averages = weighted_averages(a.conditions)
  keys = [OVERALL, *((f,) for f in a.families)]
  columns = [0, *(1 + averages.columns[key] for key in keys)]
  tables = [
    cluster_sums(lost_table(o, averages)[:, columns], o.clusters)
    for o in (a, b)
  ]
  options = BootstrapOptions(draws=draws, level=level, method=method, seed=seed)
  result = bootstrap(np.hstack(tables), _difference, **options)
  num_examples = min(int((table[:, 0] > 0).sum()) for table in tables)
  result = exact_interval_if_degenerate(
    result, (-100.0, 100.0), num_examples, level
  )
  # The smallest p-value has to be below 1 - level after Holm's correction.
  signs = max(draws, round(4 * len(a.families) / (1 - level)))
  p_values = sign_flip_test(_per_example(*tables), draws=signs, seed=seed)
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
    a=names[0],
    b=names[1],
    examples=len(a.ids),
    both_clean_correct=int((a.clean & b.clean).sum()),
    **_compare_accuracies(a, b, names, averages, options),
    overall=differences[0],
    families=dict(zip(a.families, differences[1:], strict=True)),
    conditions=discordances(a, b),
    classes=compare_classes(a, b, draws=draws, seed=seed),
    draws=draws,
    level=level,
    method=method,
    seed=seed,
  )


def _compare_accuracies(a, b, names, averages, options):
  found: dict[str, Difference | None] = dict.fromkeys(ACCURACIES)
  if not a.labeled:
    return found
  overall = averages.matrix[:, averages.columns[OVERALL]]
  changed = [o.transformed @ overall for o in (a, b)]
  for name, what in ACCURACIES.items():
    values = changed if name.endswith("changed") else (a.clean, b.clean)
    weights = a.class_weights if name.startswith("balanced") else None
    if name.startswith("balanced") and weights is None:
      continue
    found[name] = compare_proportions(
      *values,
      names,
      what,
      less_is_better=False,
      weights=weights,
      clusters=a.clusters,
      **options,
    )
  return found


def _difference(sums):
  first, second = np.split(sums, 2, axis=-1)
  return lost_fraction(first) - lost_fraction(second)


def _per_example(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Returns differences `[N, R]` that sum to those of the risks, as fractions.

  The contribution of an example is measured from the risk that both models
  would have if they were alike, so that its mean is 0 in that case even where
  one model classifies far fewer examples correctly.
  """
  together = lost_fraction((a + b).sum(axis=0)) / 100
  beyond = [(t[:, 1:] - together * t[:, :1]) / t[:, 0].sum() for t in (a, b)]
  return beyond[0] - beyond[1]


def _check(a, b, names):
  if names[0] == names[1]:
    raise ValueError(f"names = {names}: expected two different names.")
  if a.ids != b.ids:
    shared = len(set(a.ids) & set(b.ids))
    raise ValueError(
      f"{names[0]} has predictions for {len(a.ids)} examples and {names[1]} "
      f"for {len(b.ids)}, {shared} of them the same: expected the same "
      "examples in the same order."
    )
  if a.conditions != b.conditions:
    raise ValueError(
      f"{names[0]} and {names[1]} were evaluated under other conditions: "
      "expected the same transformations, severities and weights in order."
    )
  if a.labeled != b.labeled:
    raise ValueError(
      "labels were given for one model alone: expected them for both or "
      "neither."
    )
  if not np.array_equal(a.labels, b.labels):
    raise ValueError(
      f"{names[0]} and {names[1]} have other labels for the same examples."
    )
  if not np.array_equal(a.clusters, b.clusters):
    raise ValueError(
      f"{names[0]} and {names[1]} have other clusters of the same examples."
    )
  for name, outcomes in zip(names, (a, b), strict=True):
    if not outcomes.clean.any():
      raise ValueError(
        f"{name} classifies none of {len(outcomes.ids)} clean examples "
        "correctly, so that no risk is defined: expected at least one."
      )
