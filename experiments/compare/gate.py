"""The gate of a comparison: candidate, baseline and thresholds."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from robust_jax.comparison.cases import Cases
from robust_jax.comparison.report.build_report import Compared
from robust_jax.statistics.compare_risks import compare_risks
from robust_jax.statistics.gate import Thresholds, gate


class GateRequest(NamedTuple):
  """A gate as requested by the user.

  Attributes:
    thresholds: thresholds for the candidate; None for no gate.
    candidate: model to check; None for the first that is not the baseline.
    baseline: model from which regressions are counted; None for the first that
      is not the candidate.
    strict: whether inconclusive checks fail.
  """

  thresholds: Thresholds | None = None
  candidate: str | None = None
  baseline: str | None = None
  strict: bool = False

  def resolve(self, names: Sequence[str]) -> "GateRequest":
    """Fills in the names of candidate and baseline.

    Args:
      names: names of all models; a single model has no baseline.

    Raises:
      ValueError: a name is unknown, or both are the same model.
    """
    for role in ("candidate", "baseline"):
      name = getattr(self, role)
      if name is not None and name not in names:
        raise ValueError(
          f"{role} = '{name}': expected the name of a model, one of "
          f"{', '.join(names)}."
        )
    candidate = self.candidate or next(
      (name for name in names if name != self.baseline), names[0]
    )
    others = (name for name in names if name != candidate)
    baseline = self.baseline or next(others, None)
    if baseline == candidate:
      raise ValueError(
        f"'{candidate}' is both candidate and baseline: expected two models."
      )
    return self._replace(candidate=candidate, baseline=baseline)

  def check(self, cases: Cases) -> None:
    """Refuses, before hours are spent, what `gate` would refuse afterwards.

    Raises:
      ValueError: a threshold is for a family that is not evaluated, or for a
        regression without a baseline.
    """
    if self.thresholds is None:
      return
    known = list(cases.about)[1:]
    for family in self.thresholds.max_risk:
      if family not in known:
        raise ValueError(
          f"max_risk: there is no family '{family}': expected one of "
          f"{', '.join(known)}."
        )
    if self.thresholds.max_regression is not None and self.baseline is None:
      raise ValueError(
        "max_regression needs a second model, the one that regressions are "
        "counted from."
      )

  def evaluate(self, compared: Compared, seed: int) -> dict[str, Any] | None:
    """Returns candidate, baseline and the fields of a `Gate` for the report.

    Args:
      compared: results of the models that did not fail.
      seed: seed of the bootstrap.

    Returns:
      None without thresholds, or if a model it needs was left out.
    """
    measured, thresholds = compared.measured, self.thresholds
    if thresholds is None or self.candidate not in measured.risks:
      return None
    regression = None
    if self.baseline in measured.risks:
      pair = self.candidate, self.baseline
      a, b = (measured.outcomes[name] for name in pair)
      regression = compare_risks(a, b, pair, seed=seed)
    elif thresholds.max_regression is not None:
      return None
    found = gate(
      measured.risks[self.candidate], thresholds, regression, strict=self.strict
    )
    sides = {"candidate": self.candidate, "baseline": self.baseline}
    return sides | dataclasses.asdict(found)
