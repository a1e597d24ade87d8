"""Differences of all pairs of models, for `report.json`."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from robust_jax.statistics.bonferroni import bonferroni
from robust_jax.statistics.shares import compare_shares


def compare_pairs(
  values: Mapping[str, np.ndarray],
  what: str,
  *,
  less_is_better: bool,
  level: float,
  seed: int,
  tables: int = 1,
) -> list[dict[str, Any]]:
  """`a`, `b` and the fields of a `Difference` for each pair.

  Args:
    values: model -> `[N]` of the same images, bool or from 0 to 1.
    what: the subject of the sentence.
    less_is_better: of flips, say.
    level: at which all differences hold together.
    seed: of the bootstrap.
    tables: how many such sets of values these are one of.
  """
  pairs = list(itertools.combinations(values, 2))
  each, draws = bonferroni(level, tables * len(pairs))
  options = {"level": each, "draws": draws, "seed": seed}
  found = []
  for a, b in pairs:
    difference = compare_shares(
      values[a],
      values[b],
      (a, b),
      what,
      less_is_better=less_is_better,
      **options,
    )
    found.append({"a": a, "b": b} | dataclasses.asdict(difference))
  return found
