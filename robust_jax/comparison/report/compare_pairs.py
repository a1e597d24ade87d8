"""Comparisons of all pairs of models in one measure."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robust_jax.comparison.report._recommendation_sentences import listed
from robust_jax.statistics.bootstrap import BootstrapOptions
from robust_jax.statistics.hypothesis_tests import bonferroni
from robust_jax.statistics.proportions import compare_proportions

# Up to so many pairs get sentences of their own.
_FEW_PAIRS = 3


def compare_pairs(
  values: Mapping[str, np.ndarray],
  what: str,
  *,
  less_is_better: bool,
  level: float,
  seed: int,
  tables: int = 1,
) -> list[dict[str, Any]]:
  """Compares every pair of models in one measure.

  Args:
    values: model -> `[N]` for the same examples, bool or in [0, 1].
    what: name of the measure, the subject of the sentences.
    less_is_better: whether smaller values are better.
    level: level at which all differences hold jointly.
    seed: seed of the bootstrap.
    tables: number of such measures that are tested jointly.

  Returns:
    `a`, `b` and the fields of a `Difference` for each pair.
  """
  pairs = list(itertools.combinations(values, 2))
  each, draws = bonferroni(level, tables * len(pairs))
  options = BootstrapOptions(level=each, draws=draws, seed=seed)
  found = []
  for a, b in pairs:
    difference = compare_proportions(
      values[a],
      values[b],
      (a, b),
      what,
      less_is_better=less_is_better,
      **options,
    )
    found.append({"a": a, "b": b} | dataclasses.asdict(difference))
  return found


def summarize_pairs(pairs: Sequence[Mapping[str, Any]]) -> list[str]:
  """Summarizes the significant differences of all pairs in sentences.

  Args:
    pairs: result of `compare_pairs`, at least one pair.
  """
  if len(pairs) == 1:
    return [pairs[0]["sentence"]]
  significant = [
    pair for pair in pairs if pair["verdict"] != "no significant difference"
  ]
  found = [pair["sentence"] for pair in significant]
  if len(pairs) > _FEW_PAIRS:
    found = _by_winner(significant)
  if len(significant) < len(pairs):
    no = "No other two" if significant else "No two"
    what = pairs[0]["what"]
    found.append(f"{no} models differ significantly in {what}.")
  return found


def _by_winner(significant):
  worse: dict[str, list[str]] = {}
  points: dict[str, list[float]] = {}
  for pair in significant:
    winner, loser = pair["a"], pair["b"]
    if pair["verdict"] == "B better":
      winner, loser = loser, winner
    worse.setdefault(winner, []).append(loser)
    points.setdefault(winner, []).append(abs(pair["difference"]["value"]))
  return [
    f"{winner} is better than {listed(others)} in {significant[0]['what']}, by "
    f"{_range(points[winner])} points."
    for winner, others in worse.items()
  ]


def _range(points) -> str:
  least, most = min(points), max(points)
  return f"{least:.2f}" if len(points) == 1 else f"{least:.2f} to {most:.2f}"
