"""May this model be shipped: yes, no, or not to be said on these images."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from robust_jax.statistics.bootstrap import Estimate
from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.risk import Risk

Outcome = Literal["pass", "fail", "inconclusive"]

EXIT_CODES: dict[Outcome, int] = {"pass": 0, "fail": 1, "inconclusive": 3}
"""What a command ends with; 2 is left to a command line that is wrong."""


@dataclasses.dataclass(frozen=True)
class Thresholds:
  """What may not be exceeded, in percent or points; None is not asked.

  Attributes:
    max_risk: family -> risk.
    max_overall: mean over families.
    max_regression: by how much overall, or any family, may be at more risk than
      the baseline.
    max_invariance_tests: transformation -> risk. Failing there is a bug
      whatever other images would show, so the value itself is judged and not
      its interval.
    min_samples: with fewer images answered right clean, nothing passes or
      fails by an interval.
  """

  max_risk: Mapping[str, float] = dataclasses.field(default_factory=dict)
  max_overall: float | None = None
  max_regression: float | None = None
  max_invariance_tests: Mapping[str, float] = dataclasses.field(
    default_factory=dict
  )
  min_samples: int = 500


@dataclasses.dataclass(frozen=True)
class Check:
  """One threshold.

  Attributes:
    name: what was judged.
    outcome: "pass", the interval ends at or below the threshold; "fail", it
      begins above; "inconclusive", it does neither.
    value: what was judged, with its interval.
    threshold: what it was held against.
    reason: in words.
  """

  name: str
  outcome: Outcome
  value: Estimate
  threshold: float
  reason: str


@dataclasses.dataclass(frozen=True)
class Gate:
  """All of them; `dataclasses.asdict` is JSON.

  Attributes:
    outcome: "fail" if any check fails, else "inconclusive" if any is.
    exit_code: 0, 1 or 3.
    checks: one per threshold.
  """

  outcome: Outcome
  exit_code: int
  checks: list[Check]


def gate(
  risk: Risk,
  thresholds: Thresholds,
  regression: Comparison | None = None,
  *,
  strict: bool = False,
) -> Gate:
  """Holds a model's risks, and what it lost on a baseline, against thresholds.

  Args:
    risk: of the model.
    thresholds: at least one.
    regression: of the model, first, and the baseline, second.
    strict: what is inconclusive fails.

  Raises:
    ValueError: no thresholds, one outside 0..100 or not a number, an unknown
      family or transformation, or a regression without a baseline.
  """
  expected = _expected(risk, thresholds, regression)
  if not expected:
    raise ValueError("no thresholds: expected at least one, or no gate.")
  checks = []
  for name, value, threshold, is_bug in expected:
    if not 0 <= threshold <= 100:
      raise ValueError(
        f"threshold = {threshold} for {name}: expected 0 to 100, in percent."
      )
    if is_bug:
      check = _check_value(name, value, threshold)
    elif risk.clean_correct < thresholds.min_samples:
      check = _too_few(name, value, threshold, risk, thresholds)
    else:
      check = _check_interval(name, value, threshold)
    if strict and check.outcome == "inconclusive":
      reason = f"{check.reason} That fails, since the gate is strict."
      check = dataclasses.replace(check, outcome="fail", reason=reason)
    checks.append(check)
  found = {check.outcome for check in checks}
  order: tuple[Outcome, ...] = ("fail", "inconclusive", "pass")
  outcome = next(o for o in order if o in found)
  return Gate(outcome, EXIT_CODES[outcome], checks)


def _expected(risk, thresholds, regression):
  """(name, value, threshold, whether exceeding it is a bug) of each check."""
  rows = [
    (f"risk under {name}", _find(risk.families, name).risk, threshold, False)
    for name, threshold in thresholds.max_risk.items()
  ]
  if thresholds.max_overall is not None:
    rows.append(
      ("overall risk", risk.overall.risk, thresholds.max_overall, False)
    )
  if thresholds.max_regression is not None:
    if regression is None:
      raise ValueError(
        f"max_regression = {thresholds.max_regression} without a baseline: "
        "expected a comparison of the model with one."
      )
    parts = {"overall": regression.overall} | {
      f"under {name}": part for name, part in regression.families.items()
    }
    rows += [
      (
        f"risk {where} beyond that of {regression.b}",
        part.difference,
        thresholds.max_regression,
        False,
      )
      for where, part in parts.items()
    ]
  basic = risk.invariance_tests
  return rows + [
    (f"failures under {name}", _find(basic, name).risk, threshold, True)
    for name, threshold in thresholds.max_invariance_tests.items()
  ]


def _check_interval(name, value, threshold):
  seen = f"{name} is {value.value:z.1f} ({value.low:z.1f} to {value.high:z.1f})"
  if value.high <= threshold:
    outcome, reason = "pass", f"{seen}, at most {threshold:g}."
  elif value.low > threshold:
    outcome, reason = "fail", f"{seen}, beyond {threshold:g}."
  else:
    outcome = "inconclusive"
    reason = f"{seen}, on both sides of {threshold:g}: more images would tell."
  return Check(name, outcome, value, threshold, reason)


def _check_value(name, value, threshold):
  outcome = "pass" if value.value <= threshold else "fail"
  relation = "at most" if outcome == "pass" else "beyond"
  reason = f"{name}: {value.value:.2f} %, {relation} {threshold:g} %."
  return Check(name, outcome, value, threshold, reason)


def _too_few(name, value, threshold, risk, thresholds):
  reason = (
    f"{name} is {value.value:z.1f}, of {risk.clean_correct} images answered "
    f"right clean: {thresholds.min_samples} are expected before it is judged."
  )
  return Check(name, "inconclusive", value, threshold, reason)


def _find(rows, name):
  if name not in rows:
    raise ValueError(
      f"a threshold for '{name}', which was not measured: expected one of "
      f"{list(rows)}."
    )
  return rows[name]
