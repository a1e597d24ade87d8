"""The decision rule: which of several models to deploy."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from robust_jax.statistics.class_coverage import ClassCoverage
from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.verdict import Verdict

Preference = Literal["a", "b", "depends", "neither"]
_SIDE: dict[Verdict, Literal["a", "b"] | None] = {
  "A better": "a",
  "B better": "b",
  "no significant difference": None,
}
# Points by which equal accuracies may differ through rounding.
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class Decision:
  """Decision from the comparisons of all pairs.

  Attributes:
    best: the model that is preferred to every other one, or None.
    preferred_to: model -> models that it is preferred to.
    unbeaten: models to which no other is preferred, in their order.
    undecided: pairs without a preference, with "depends" or "neither".
  """

  best: str | None
  preferred_to: dict[str, frozenset[str]]
  unbeaten: list[str]
  undecided: list[tuple[Comparison, Preference]]


def decide(
  names: Sequence[str],
  comparisons: Sequence[Comparison],
  coverage: Mapping[str, ClassCoverage],
) -> Decision:
  """Returns the model that is preferred to every other one, if there is one.

  A model that guesses is never the best, though it may be preferred to another
  that guesses. The order of models and pairs does not matter.

  Args:
    names: names of two models or more.
    comparisons: comparisons of all pairs, at a level at which all hold jointly.
    coverage: class coverage of each model, by name.

  Returns:
    A `Decision`.
  """
  preferred_to: dict[str, set[str]] = {name: set() for name in names}
  undecided: list[tuple[Comparison, Preference]] = []
  for pair in comparisons:
    preference = prefer(pair, coverage[pair.a], coverage[pair.b])
    if preference == "a":
      preferred_to[pair.a].add(pair.b)
    elif preference == "b":
      preferred_to[pair.b].add(pair.a)
    else:
      undecided.append((pair, preference))
  lost = set().union(*preferred_to.values())
  best = [
    name
    for name in names
    if len(preferred_to[name]) == len(names) - 1 and not coverage[name].guesses
  ]
  return Decision(
    best=best[0] if best else None,
    preferred_to={name: frozenset(of) for name, of in preferred_to.items()},
    unbeaten=[name for name in names if name not in lost],
    undecided=undecided,
  )


def prefer(pair: Comparison, a: ClassCoverage, b: ClassCoverage) -> Preference:
  """Returns which of two models is better, beyond chance.

  Three criteria are applied in this order, and the first that discriminates
  decides:

  1. Guessing. A model whose predictions are no better than guessing loses
     against one whose predictions are, unless one of its accuracies is
     significantly better.
  2. Accuracy. Four accuracies are compared: on clean and on changed examples,
     over all examples and as the mean over classes (`ACCURACIES`). A model is
     preferred if it is significantly better in one of them and significantly
     worse in none, unless it is barred: because it guesses, or never classifies
     a class correctly that the other one does. (A constant model is correct on
     the largest class and loses nothing under any change.) If there are
     differences on both sides, or in favor of a barred model, the preference
     depends on what matters more.
  3. Overall risk. Risk is relative to the examples classified correctly, so a
     worse model has less to lose. A model of lower risk is preferred only if
     nothing speaks against it: neither model guesses, it is not barred, and its
     observed value of each of the four accuracies is at least as large. Hence
     risk never prefers a model to one of larger observed accuracy, and more
     examples of the same kind cannot reverse that.

  Without labels only the third criterion applies.

  Args:
    pair: comparison of models a and b.
    a: class coverage of a.
    b: class coverage of b.

  Returns:
    "a", "b", "depends" or "neither".
  """
  found = (_SIDE[d.verdict] for d in pair.accuracies.values())
  sides = {side for side in found if side is not None}
  guesser: Literal["a", "b"] | None = None
  if a.guesses != b.guesses:
    guesser = "a" if a.guesses else "b"
  if guesser is not None and guesser not in sides:
    return "b" if guesser == "a" else "a"
  if not sides:
    return _by_risk(pair, a, b)
  (side, *more) = sides
  barred = side == guesser or _misses_a_class(side, a, b)
  return "depends" if more or barred else side


def _by_risk(
  pair: Comparison, a: ClassCoverage, b: ClassCoverage
) -> Preference:
  side = _SIDE[pair.overall.verdict]
  if side is None or a.guesses or _misses_a_class(side, a, b):
    return "neither"
  sign = 1 if side == "a" else -1
  ahead = [sign * d.difference.value for d in pair.accuracies.values()]
  return side if all(points > -_ROUNDING for points in ahead) else "neither"


def _misses_a_class(side, a, b) -> bool:
  """Returns whether one misses a class entirely that the other does not."""
  own, other = (a, b) if side == "a" else (b, a)
  return bool(set(own.never_correct) - set(other.never_correct))
