"""Differences of all pairs of models, for `report.json`."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robust_jax.comparison.report._recommendation_sentences import listed
from robust_jax.statistics.hypothesis_tests import bonferroni
from robust_jax.statistics.proportions import compare_proportions

# Pairs of which each has a sentence of its own.
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


def told_apart(pairs: Sequence[Mapping[str, Any]]) -> list[str]:
  """Which models are better than which others, and whether any two are left.

  Args:
    pairs: of `compare_pairs`, at least one.
  """
  if len(pairs) == 1:
    return [pairs[0]["sentence"]]
  told = [pair for pair in pairs if pair["verdict"] != "not told apart"]
  found = [pair["sentence"] for pair in told]
  if len(pairs) > _FEW_PAIRS:
    found = _by_winner(told)
  if len(told) < len(pairs):
    no = "No other two" if told else "No two"
    found.append(f"{no} models are told apart by {pairs[0]['what']}.")
  return found


def _by_winner(told):
  rivals: dict[str, list[str]] = {}
  points: dict[str, list[float]] = {}
  for pair in told:
    winner, rival = pair["a"], pair["b"]
    if pair["verdict"] == "B better":
      winner, rival = rival, winner
    rivals.setdefault(winner, []).append(rival)
    points.setdefault(winner, []).append(abs(pair["difference"]["value"]))
  return [
    f"{winner} is better than {listed(others)} in {told[0]['what']}, by "
    f"{_range(points[winner])} points."
    for winner, others in rivals.items()
  ]


def _range(points) -> str:
  least, most = min(points), max(points)
  return f"{least:.2f}" if len(points) == 1 else f"{least:.2f} to {most:.2f}"
