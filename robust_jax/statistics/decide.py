"""Which of several models to deploy: the rule, without words."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from robust_jax.statistics.class_coverage import ClassCoverage
from robust_jax.statistics.compare_risks import Comparison

Preference = Literal["a", "b", "depends", "neither"]
_SIDE = {"A better": "a", "B better": "b", "not told apart": None}
# Points by which equal accuracies may differ as floats.
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class Decision:
  """What follows from all pairs.

  Attributes:
    best: the model that is preferred to every other one; None if there is none.
    beaten: model -> those that it is preferred to.
    left: models that no other one is preferred to, in their order.
    open: pairs without a preference, and why: "depends" or "neither".
  """

  best: str | None
  beaten: dict[str, frozenset[str]]
  left: list[str]
  open: list[tuple[Comparison, Preference]]


def decide(
  names: Sequence[str],
  comparisons: Sequence[Comparison],
  coverage: Mapping[str, ClassCoverage],
) -> Decision:
  """The model that is preferred to every other one, if there is one.

  A model that guesses is never the best, though it may be better than another
  that guesses. The order of models and pairs does not matter.

  Args:
    names: of two models or more.
    comparisons: of every pair, at a level at which all hold together.
    coverage: of each model, by name.
  """
  beaten: dict[str, set[str]] = {name: set() for name in names}
  undecided = []
  for pair in comparisons:
    answer = prefer(pair, coverage[pair.a], coverage[pair.b])
    if answer == "a":
      beaten[pair.a].add(pair.b)
    elif answer == "b":
      beaten[pair.b].add(pair.a)
    else:
      undecided.append((pair, answer))
  lost = set().union(*beaten.values())
  best = [
    name
    for name in names
    if len(beaten[name]) == len(names) - 1 and not coverage[name].guesses
  ]
  return Decision(
    best=best[0] if best else None,
    beaten={name: frozenset(of) for name, of in beaten.items()},
    left=[name for name in names if name not in lost],
    open=undecided,
  )


def prefer(pair: Comparison, a: ClassCoverage, b: ClassCoverage) -> Preference:
  """Which of two models is better, beyond chance.

  Three questions are asked in this order, and the first that has an answer
  decides:

  1. Does one of them guess? A model whose answers are not told from guessing
     loses against one whose are, unless one of its accuracies is told better.
  2. Which one is right more often? Four accuracies are asked: on images as they
     are and on changed ones, over all images and as the mean over classes
     (`ACCURACIES`). A model is preferred if it is told better in one of them
     and not told worse in any, unless it is barred: it guesses, or is never
     right about a class that the other one is right about. A constant is right
     about the largest class, loses nothing, and does nothing. What is told for
     both sides, or for a barred one, depends on what matters more.
  3. Which one loses less? Overall risk is relative to what a model is right
     about, so that a worse model has less to lose. A model with less of it is
     preferred only where nothing speaks against it: neither guesses, it is not
     barred, and it was seen to be right at least as often in each of the four
     accuracies. So risk prefers no model to one that was right more often in
     any of them, and more images of the same kind cannot turn that round.

  Without labels the third question is the only one that has an answer.

  Args:
    pair: models a and b.
    a: what the first one's answers say about classes.
    b: the second one's.
  """
  sides = {_SIDE[d.verdict] for d in pair.accuracies.values()} - {None}
  guesser = None
  if a.guesses != b.guesses:
    guesser = "a" if a.guesses else "b"
  if guesser is not None and guesser not in sides:
    return "b" if guesser == "a" else "a"
  if not sides:
    return _by_risk(pair, a, b)
  (side, *more) = sides
  barred = side == guesser or _misses_a_class(side, a, b)
  return "depends" if more or barred else side


def _by_risk(pair, a, b) -> Preference:
  side = _SIDE[pair.overall.verdict]
  if side is None or a.guesses or _misses_a_class(side, a, b):
    return "neither"
  sign = 1 if side == "a" else -1
  ahead = [sign * d.difference.value for d in pair.accuracies.values()]
  return side if all(points > -_ROUNDING for points in ahead) else "neither"


def _misses_a_class(side, a, b) -> bool:
  """Whether one is never right about a class that the other is right about."""
  own, other = (a, b) if side == "a" else (b, a)
  return bool(set(own.never_right) - set(other.never_right))
