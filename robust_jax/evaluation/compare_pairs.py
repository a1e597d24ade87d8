"""Differences of all pairs of models, for `report.json`."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from robust_jax.statistics.shares import compare_shares


def compare_pairs(
  values: Mapping[str, np.ndarray], what: str, **options: Any
) -> list[dict[str, Any]]:
  """`a`, `b` and the fields of a `Difference` for each pair.

  Args:
    values: model -> `[N]` of the same images, bool or from 0 to 1.
    what: as `compare_shares` takes it; the options too.
    **options: `less_is_better`, `level`, `draws`, `seed`.
  """
  return [
    {"a": a, "b": b}
    | dataclasses.asdict(
      compare_shares(values[a], values[b], (a, b), what, **options)
    )
    for a, b in itertools.combinations(values, 2)
  ]
