"""Which model to deploy, in words, and how sure that is."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from robust_jax.evaluation import recommendation_sentences as sentences
from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.risk import Risk

Sureness = Literal["sure", "depends on your images", "not told apart"]
_Preferred = Literal["a", "b", "depends", "neither"]


@dataclasses.dataclass(frozen=True)
class Recommendation:
  """`dataclasses.asdict` is JSON.

  Attributes:
    deploy: the name of a model; None where no one is better than all others.
    sureness: whether it is more than an accident of these images.
    headline: one sentence.
    reasons: sentences, why.
    cautions: sentences, what speaks against it or should be looked at.
  """

  deploy: str | None
  sureness: Sureness
  headline: str
  reasons: list[str]
  cautions: list[str]


def recommendation(
  risks: Mapping[str, Risk],
  comparisons: Sequence[Comparison],
  num_classes: int,
) -> Recommendation:
  """The model that is better than every other one, if there is one.

  Of two models the better one has less overall risk or more clean accuracy,
  and is not worse in the other respect, beyond chance. Where one is better in
  one respect and the other in the other, the one that answers more images right
  clean *and* changed is better; if none does, it depends on how often images
  are degraded.

  Args:
    risks: of each model, by name; one or more.
    comparisons: of every pair, at a level at which all hold together.
    num_classes: K, of which one in K is right by guessing.
  """
  found = _recommend(risks, comparisons)
  weaknesses = sentences.weaknesses(risks, num_classes)
  return dataclasses.replace(found, cautions=weaknesses + found.cautions)


def _recommend(risks, comparisons):
  names = list(risks)
  if len(names) == 1:
    return _alone(names[0], risks)
  beaten: dict[str, set[str]] = {name: set() for name in names}
  undecided = []
  for pair in comparisons:
    answer = _preferred(pair, risks)
    if answer in ("a", "b"):
      better, worse = (pair.a, pair.b) if answer == "a" else (pair.b, pair.a)
      beaten[better].add(worse)
    else:
      undecided.append((pair, answer))
  best = next((n for n in names if len(beaten[n]) == len(names) - 1), None)
  if best is not None:
    return _best(best, risks, comparisons)
  return _no_best(beaten, risks, undecided)


def _alone(name, risks):
  risk = risks[name]
  right = []
  if risk.clean_accuracy is not None:
    right = [f"{name} answers {risk.clean_accuracy:.1f} % of images right."]
  return Recommendation(
    deploy=None,
    sureness="not told apart",
    headline=f"{name} stands alone: there is nothing to choose from.",
    reasons=[*right, sentences.loses(name, risk)],
    cautions=sentences.bugs(risks),
  )


def _preferred(pair: Comparison, risks) -> _Preferred:
  by_risk = _winner(pair.overall)
  by_clean = None if pair.clean is None else _winner(pair.clean)
  winners = {w for w in (by_risk, by_clean) if w is not None}
  if not winners:
    return "neither"
  if len(winners) == 1:
    return winners.pop()
  name = {"a": pair.a, "b": pair.b}
  accuracy = {side: risks[n].overall.accuracy for side, n in name.items()}
  if accuracy[by_clean] >= accuracy[by_risk]:
    return by_clean
  return "depends"


def _winner(difference):
  return {"A better": "a", "B better": "b"}.get(difference.verdict)


def _best(best, risks, comparisons):
  reasons, cautions, p_values = [], [], []
  for pair in comparisons:
    if best not in (pair.a, pair.b):
      continue
    found = [d for d in (pair.overall, pair.clean) if d is not None]
    own, other = "A better", "B better"
    if pair.b == best:
      own, other = other, own
    reasons += [d.sentence for d in found if d.verdict == own]
    reasons += [d.sentence for d in found if d.verdict == "not told apart"]
    p_values.append(min(d.p_adjusted for d in found if d.verdict == own))
    worse = [*found, *pair.families.values()]
    cautions += [d.sentence for d in worse if d.verdict == other]
  return Recommendation(
    deploy=best,
    sureness="sure",
    headline=(
      f"Deploy {best} rather than "
      f"{sentences.listed([name for name in risks if name != best])}."
    ),
    reasons=[
      *reasons,
      sentences.chance(max(p_values)),
      sentences.loses(best, risks[best]),
    ],
    cautions=cautions + sentences.bugs({best: risks[best]}),
  )


def _no_best(beaten, risks, undecided):
  lost = set().union(*beaten.values())
  left = [n for n in risks if n not in lost] or list(risks)
  among = [(p, a) for p, a in undecided if p.a in left and p.b in left]
  depends = [p for p, answer in among if answer == "depends"]
  behind = [
    f"{name} is worse than "
    f"{sentences.listed([n for n in risks if name in beaten[n]])}."
    for name in risks
    if name not in left
  ]
  if depends:
    headline = (
      f"It depends on your images: {sentences.listed(left)} are each better "
      "in one respect."
    )
    reasons = [_break_even(pair, risks) for pair in depends]
  else:
    headline = f"{sentences.listed(left)} cannot be told apart on these images."
    lowest = min(left, key=lambda name: risks[name].overall.risk.value)
    reasons = [
      "Choose by other criteria, such as speed, or test on more images. The "
      f"smallest overall risk was seen for {lowest}, but that may be chance.",
      *(sentences.unresolved(pair) for pair, _ in among),
    ]
  return Recommendation(
    deploy=None,
    sureness="depends on your images" if depends else "not told apart",
    headline=headline,
    reasons=reasons + behind,
    cautions=sentences.bugs({name: risks[name] for name in left}),
  )


def _break_even(pair, risks):
  names = pair.a, pair.b
  if _winner(pair.clean) == "b":
    names = pair.b, pair.a
  return sentences.break_even(*names, risks)
