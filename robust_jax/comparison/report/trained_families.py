"""Families of changes that a model was trained with: did it help there?"""

from collections.abc import Mapping, Sequence
from typing import Any

from robust_jax.comparison.model import ComparedModel
from robust_jax.statistics.compare_risks import Comparison

_BETTER = "yes, the risk under it is less"
_WORSE = "no, the risk under it is larger"
_EQUAL = "no difference was found"


def trained_families(
  models: Mapping[str, ComparedModel],
  comparisons: Sequence[Comparison],
  baseline: str,
) -> dict[str, Any] | None:
  """Compares models under the families that they were trained with.

  Args:
    models: models by name.
    comparisons: comparisons of all pairs.
    baseline: the model to which the others are compared.

  Returns:
    The name of the baseline, and for each model and family that the baseline
    was not trained with an answer and the sentence of the difference in risk;
    None if there is no such model.
  """
  rows = []
  for name, model in models.items():
    for family in model.trained_families:
      if name == baseline or family in models[baseline].trained_families:
        continue
      pair = next(c for c in comparisons if {c.a, c.b} == {name, baseline})
      found = pair.families[family]
      own = "A better" if pair.a == name else "B better"
      answer = _EQUAL
      if found.is_significant:
        answer = _BETTER if found.verdict == own else _WORSE
      rows.append(
        {
          "model": name,
          "family": family,
          "answer": answer,
          "sentence": found.sentence,
        }
      )
  return {"baseline": baseline, "rows": rows} if rows else None
