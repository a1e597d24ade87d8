"""Which of several models to deploy: the rule, without words."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from robust_jax.statistics.class_coverage import ClassCoverage
from robust_jax.statistics.compare_risks import Comparison

Preference = Literal["a", "b", "depends", "neither"]


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

  Four accuracies are asked: on images as they are and on changed ones, over all
  images and as the mean over classes (`ACCURACIES`). A model is preferred if it
  is told better in one of them and not told worse in any, unless it is barred.
  It is barred where it is never right about a class that the other one is right
  about, or where its answers are not told from guessing and the other one's
  are: a constant is right about the largest class, loses nothing, and does
  nothing. What is told for both sides, or for a barred one, depends on what
  matters more. A model that does not guess is preferred to one that does where
  no accuracy is told apart.

  Risk is not asked: it is relative to what a model is right about, so that a
  model may have less of it and be right less often, clean and changed. Without
  labels there is nothing else, and the risk of a constant counts nothing.

  Args:
    pair: models a and b.
    a: what the first one's answers say about classes.
    b: the second one's.
  """
  told = {"A better": "a", "B better": "b"}
  found = pair.accuracies or {"overall": pair.overall}
  sides = {told[d.verdict] for d in found.values() if d.verdict in told}
  guesser = None
  if a.guesses != b.guesses:
    guesser = "a" if a.guesses else "b"
  if guesser is not None and not (pair.accuracies and guesser in sides):
    return "b" if guesser == "a" else "a"
  if not sides:
    return "neither"
  (side, *more) = sides
  own, other = (a, b) if side == "a" else (b, a)
  barred = side == guesser or set(own.never_right) - set(other.never_right)
  return "depends" if more or barred else side
