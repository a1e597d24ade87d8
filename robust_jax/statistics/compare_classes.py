"""Differences in accuracy between two models for each class."""

import dataclasses

import numpy as np

from robust_jax.statistics.clusters import cluster_sums, compare_binary
from robust_jax.statistics.hypothesis_tests import holm, sign_flip_test
from robust_jax.statistics.outcomes import Outcomes
from robust_jax.statistics.weighted_averages import OVERALL, weighted_averages


@dataclasses.dataclass(frozen=True)
class ClassDifference:
  """Examples of one class; accuracies of models a and b in percent.

  Attributes:
    label: the class.
    examples: number of examples of the class.
    clean: clean accuracies of a and of b.
    changed: accuracies of a and of b on changed examples, averaged over
      families.
    p_clean: exact p-value for clean accuracies, McNemar's or that of whole
      clusters, after Holm's correction over all classes, clean and changed.
    p_changed: sign-flip p-value for changed examples, corrected likewise.
  """

  label: int
  examples: int
  clean: list[float]
  changed: list[float]
  p_clean: float
  p_changed: float


def compare_classes(
  a: Outcomes, b: Outcomes, *, draws: int = 2000, seed: int = 0
) -> list[ClassDifference]:
  """Compares two models in each class.

  Args:
    a: outcomes of the first model.
    b: outcomes of the second, for the same examples and conditions.
    draws: number of draws of the sign-flip test.
    seed: seed of the draws.

  Returns:
    One row per class, in increasing order; none where classes are not known.
  """
  if a.labels is None:
    return []
  averages = weighted_averages(a.conditions)
  overall = averages.matrix[:, averages.columns[OVERALL]]
  changed = [o.transformed @ overall for o in (a, b)]
  rows, p_values = [], []
  for label in np.unique(a.labels):
    of_class = a.labels == label
    clean = [o.clean[of_class] for o in (a, b)]
    after = [values[of_class] for values in changed]
    clusters = None if a.clusters is None else a.clusters[of_class]
    differences = cluster_sums((after[0] - after[1])[:, None], clusters)
    p_values += [
      *compare_binary(clean[0][:, None], clean[1][:, None], clusters),
      *sign_flip_test(differences, draws=draws, seed=seed),
    ]
    rows.append((label, of_class.sum(), clean, after))
  adjusted = holm(np.array(p_values)).reshape(-1, 2)
  percent = lambda pair: [100 * float(v.mean()) for v in pair]
  return [
    ClassDifference(
      int(label), int(examples), percent(clean), percent(after), *map(float, p)
    )
    for (label, examples, clean, after), p in zip(rows, adjusted, strict=True)
  ]
