"""The gate of a comparison: which model is judged, against which thresholds."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from robust_jax.comparison.cases import Cases
from robust_jax.comparison.report.build_report import Compared
from robust_jax.statistics.compare_risks import compare_risks
from robust_jax.statistics.gate import Thresholds, gate


class GateRequest(NamedTuple):
  """A gate that somebody asks for.

  Attributes:
    thresholds: of the model that is judged; None is no gate.
    candidate: the model that is judged; None is the first.
    baseline: the model that regressions are counted from; None is the second.
    strict: what is inconclusive fails.
  """

  thresholds: Thresholds | None = None
  candidate: str | None = None
  baseline: str | None = None
  strict: bool = False

  def of(self, names: Sequence[str]) -> "GateRequest":
    """The same with the names of candidate and baseline filled in.

    Args:
      names: of all models; of one alone there is no baseline.

    Raises:
      ValueError: a name that no model has, or one for both.
    """
    for role in ("candidate", "baseline"):
      name = getattr(self, role)
      if name is not None and name not in names:
        raise ValueError(
          f"{role} = '{name}': expected the name of a model, one of "
          f"{', '.join(names)}."
        )
    candidate = self.candidate or names[0]
    others = [name for name in names if name != candidate]
    baseline = self.baseline or (others[0] if others else None)
    if baseline == candidate:
      raise ValueError(
        f"'{candidate}' is candidate and baseline: expected two models."
      )
    return self._replace(candidate=candidate, baseline=baseline)

  def check(self, cases: Cases) -> None:
    """Refuses, before hours are spent, what `gate` would refuse after them.

    Raises:
      ValueError: a threshold of a family that is not asked about, or one of
        regressions without a baseline.
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

  def judge(self, compared: Compared, seed: int) -> dict[str, Any] | None:
    """Candidate, baseline and the fields of a `Gate`, for `report.json`.

    Args:
      compared: of the models that answered.
      seed: of the bootstrap.

    Returns:
      None without thresholds, or where a model that it needs was left out.
    """
    risks, thresholds = compared.risks, self.thresholds
    if thresholds is None or self.candidate not in risks:
      return None
    regression = None
    if self.baseline in risks:
      pair = self.candidate, self.baseline
      regression = compare_risks(
        *(compared.outcomes[name] for name in pair), pair, seed=seed
      )
    elif thresholds.max_regression is not None:
      return None
    judged = gate(
      risks[self.candidate], thresholds, regression, strict=self.strict
    )
    sides = {"candidate": self.candidate, "baseline": self.baseline}
    return sides | dataclasses.asdict(judged)
