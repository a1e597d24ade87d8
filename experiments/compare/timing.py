"""Time per image of each model of a comparison."""

import contextlib
import json
import pathlib
import statistics
from collections.abc import Mapping

from robust_jax.comparison.prediction_store import PredictionStore


def milliseconds(
  out: pathlib.Path, stores: Mapping[str, PredictionStore]
) -> dict[str, float]:
  """Returns milliseconds per image, the median over batches.

  The median excludes compilation in the first batch. A model with nothing left
  to evaluate has the time of the last report; stored outputs have none.

  Args:
    out: folder of that report, if there is one.
    stores: store of each model, by name.
  """
  found: dict[str, float] = {}
  with contextlib.suppress(OSError, ValueError, KeyError):
    report = json.loads((out / "report.json").read_text("utf-8"))
    for name, model in report["models"].items():
      one, known = stores.get(name), model["milliseconds"]
      if one and known and model["identity"] == one.model.identity:
        found[name] = known
  for name, one in stores.items():
    if one.seconds and one.model.kind != "stored outputs":
      found[name] = 1000 * statistics.median(one.seconds)
  return found
