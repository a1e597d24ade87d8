"""Measures the time per image of each model of a comparison."""

import contextlib
import json
import pathlib
import statistics
from collections.abc import Mapping

from robust_jax.comparison.prediction_store import PredictionStore


def milliseconds(
  out: pathlib.Path, kept: Mapping[str, PredictionStore]
) -> dict[str, float]:
  """Per image, the median over batches, since the first one compiles.

  Of a model that had nothing left to answer, what the last report says; of
  stored answers nothing is known.

  Args:
    out: where that report is, if there is one.
    kept: of each model, by name.
  """
  found: dict[str, float] = {}
  with contextlib.suppress(OSError, ValueError, KeyError):
    report = json.loads((out / "report.json").read_text("utf-8"))
    for name, model in report["models"].items():
      one, known = kept.get(name), model["milliseconds"]
      if one and known and model["identity"] == one.model.identity:
        found[name] = known
  for name, one in kept.items():
    if one.seconds and one.model.kind != "stored answers":
      found[name] = 1000 * statistics.median(one.seconds)
  return found
