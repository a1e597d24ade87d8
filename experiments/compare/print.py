"""Prints a comparison of models on the terminal."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from robust_jax.comparison.extra_tests.base import ExtraTest
from robust_jax.comparison.report.table import comparison_table
from robust_jax.plotting.tables import print_table


def print_comparison(
  result: Mapping[str, Any], extra_tests: Sequence[ExtraTest], out: pathlib.Path
) -> None:
  """Prints tables, the recommendation and the gate.

  Args:
    result: content of `report.json`.
    extra_tests: the extra tests that were requested.
    out: folder of the report.
  """
  _print_data(result)
  print_table(comparison_table(result))
  for extra_test in extra_tests:
    print_table(extra_test.table(result[extra_test.name]))
  advice = result["recommendation"]
  print(f"{advice['headline']}\nConfidence: {advice['confidence']}.")
  for sentence in advice["reasons"]:
    print(f"  {sentence}")
  for sentence in advice["cautions"]:
    print(f"  But: {sentence}")
  for name in result["models_left_out"]:
    print(f"  But: {name} is left out, for the reason above.")
  gate = result["gate"]
  if gate is not None:
    print(f"\nGate for {gate['candidate']}: {gate['outcome']}.")
    for check in gate["checks"]:
      print(f"  {check['outcome']}: {check['reason']}")
  print(f"\nIn {out}: report.html, report.json.")


def _print_data(result):
  data = result["data"]
  for title, counts in (
    ("images left out", data["problem_counts"]),
    ("other files left out", data["left_out_counts"]),
    ("images changed on reading", data["change_counts"]),
  ):
    if counts:
      listed = ", ".join(f"{kind} ({n:,})" for kind, n in counts.items())
      print(f"{title}: {listed}; report.json names them.")
  for name, model in result["models"].items():
    print(f"{name} returns {model['output_meaning']}.")
    for warning in model["warnings"]:
      print(f"  But: {warning}")
