"""Deployment gate: thresholds on risks, with pass, fail or inconclusive."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from robust_jax.statistics.bootstrap import Estimate
from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.risk import Risk

Outcome = Literal["pass", "fail", "inconclusive"]

EXIT_CODES: dict[Outcome, int] = {"pass": 0, "fail": 1, "inconclusive": 3}
"""Exit codes of a command; 2 is the one of a wrong command line."""


@dataclasses.dataclass(frozen=True)
class Thresholds:
  """Thresholds in percent or percentage points; None is not checked.

  Attributes:
    max_risk: family -> largest risk.
    max_overall: largest mean risk over families.
    max_regression: largest increase over the baseline of the overall risk and
      of the risk of any family.
    max_invariance_tests: transformation -> largest risk. A failure there is a
      bug whatever other examples would show, so the value itself is checked and
      not its interval.
    min_samples: number of examples that are right without a change, such as
      images classified correctly or objects found, below which interval checks
      are inconclusive.
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
  """Result of one threshold.

  Attributes:
    name: the checked quantity.
    outcome: "pass" if the interval ends at or below the threshold, "fail" if it
      begins above, else "inconclusive".
    value: the quantity with its interval.
    threshold: the threshold.
    reason: explanation in one sentence.
  """

  name: str
  outcome: Outcome
  value: Estimate
  threshold: float
  reason: str


@dataclasses.dataclass(frozen=True)
class Gate:
  """Result of all checks; `dataclasses.asdict` is JSON.

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
  """Checks the risks of a model and its regression from a baseline.

  Args:
    risk: risk of the model.
    thresholds: at least one threshold.
    regression: comparison of the model, first, with the baseline, second.
    strict: whether inconclusive checks fail.

  Returns:
    A `Gate`.

  Raises:
    ValueError: there are no thresholds, one is outside 0..100 or NaN, a family
      or transformation is unknown, or a regression has no baseline.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics import gate, outcomes, risk
    >>> condition = outcomes.Condition("noise", "gaussian_noise", 1)
    >>> clean = np.ones(600, bool)
    >>> ids, columns = tuple(range(600)), (condition,)
    >>> robust = outcomes.Outcomes(ids, clean, clean[:, None], columns)
    >>> thresholds = gate.Thresholds(max_overall=5)
    >>> gate.gate(risk.risk(robust), thresholds).outcome
    'pass'
  """
  rows = _quantities(risk, thresholds, regression)
  if not rows:
    raise ValueError("no thresholds: expected at least one, or no gate.")
  checks = []
  for name, value, threshold, is_bug in rows:
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


def _quantities(risk, thresholds, regression):
  """Returns (name, value, threshold, whether excess is a bug) per check."""
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
    reason = (
      f"{seen}, on both sides of {threshold:g}: more examples are needed."
    )
  return Check(name, outcome, value, threshold, reason)


def _check_value(name, value, threshold):
  outcome = "pass" if value.value <= threshold else "fail"
  relation = "at most" if outcome == "pass" else "beyond"
  reason = f"{name}: {value.value:.2f} %, {relation} {threshold:g} %."
  return Check(name, outcome, value, threshold, reason)


def _too_few(name, value, threshold, risk, thresholds):
  reason = (
    f"{name} is {value.value:z.1f}, of {risk.clean_correct} examples that are "
    f"right without a change: {thresholds.min_samples} are needed to check it."
  )
  return Check(name, "inconclusive", value, threshold, reason)


def _find(rows, name):
  if name not in rows:
    raise ValueError(
      f"a threshold for '{name}', which was not measured: expected one of "
      f"{list(rows)}."
    )
  return rows[name]
