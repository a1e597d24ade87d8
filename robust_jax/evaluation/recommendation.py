"""Which model to deploy, in words, and how sure that is."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.risk import Risk

Sureness = Literal["sure", "depends on your images", "not told apart"]
_Preferred = Literal["a", "b", "depends", "neither"]


# Times what guessing gets right.
_BARELY = 1.5
# Images from which on the bootstrap's intervals are about as wide as they say.
_FEW = 100
_UNLESS = {
  "horizontal_flip": " unless left and right mean something in your images"
}


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
  clean *and* transformed is better; if none does, it depends on how often
  images are degraded.

  Args:
    risks: of each model, by name; one or more.
    comparisons: of every pair, at a level at which all hold together.
    num_classes: K, of which one in K is right by guessing.
  """
  found = _recommend(risks, comparisons)
  weak = [
    f"{name} answers {risk.clean_accuracy:.1f} % of clean images right, where "
    f"guessing would be right about {100 / num_classes:.1f} %: what it does "
    "not know it cannot lose, and its risk says little."
    for name, risk in risks.items()
    if risk.clean_accuracy is not None
    and risk.clean_accuracy < _BARELY * 100 / num_classes
  ]
  images = next(iter(risks.values())).images
  if images < _FEW:
    weak.append(f"{images} images are few: intervals of so few are too narrow.")
  return dataclasses.replace(found, cautions=weak + found.cautions)


def _recommend(risks, comparisons):
  names = list(risks)
  if len(names) == 1:
    return _alone(names[0], risks[names[0]])
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
  lost = set().union(*beaten.values())
  left = [n for n in names if n not in lost] or names
  return _undecided(left, risks, undecided)


def _alone(name, risk):
  return Recommendation(
    deploy=None,
    sureness="not told apart",
    headline=f"{name} stands alone: there is nothing to choose from.",
    reasons=[f"{_of_clean(name, risk)} {_loses(name, risk)}"],
    cautions=_bugs({name: risk}),
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
  others = [name for name in risks if name != best]
  own = [pair for pair in comparisons if best in (pair.a, pair.b)]
  reasons, cautions, p_values = [_loses(best, risks[best])], [], []
  for pair in own:
    found = [d for d in (pair.overall, pair.clean) if d is not None]
    told = [d for d in found if d.verdict != "not told apart"]
    reasons += [d.sentence for d in found]
    p_values.append(min(d.p_adjusted for d in told))
    side = "B better" if pair.a == best else "A better"
    cautions += [d.sentence for d in told if d.verdict == side]
    cautions += [
      d.sentence for d in pair.families.values() if d.verdict == side
    ]
  chance = max(p_values)
  reasons.append(
    "If the models were equally good, a difference this large would come up "
    f"in {_one_in(chance)} comparisons."
  )
  return Recommendation(
    deploy=best,
    sureness="sure",
    headline=f"Deploy {best} rather than {_listed(others)}.",
    reasons=reasons,
    cautions=cautions + _bugs({best: risks[best]}),
  )


def _undecided(left, risks, undecided):
  among = [(p, a) for p, a in undecided if p.a in left and p.b in left]
  depends = [p for p, answer in among if answer == "depends"]
  lowest = min(left, key=lambda name: risks[name].overall.risk.value)
  others = [name for name in risks if name not in left]
  ahead = f" Both are better than {_listed(others)}." if others else ""
  if len(left) > 2 and others:
    ahead = f" All of them are better than {_listed(others)}."
  cautions = _bugs({name: risks[name] for name in left})
  if depends:
    return Recommendation(
      deploy=None,
      sureness="depends on your images",
      headline=(
        f"It depends on your images: {_listed(left)} are each better in one "
        f"respect.{ahead}"
      ),
      reasons=[_break_even(pair, risks) for pair in depends],
      cautions=cautions,
    )
  return Recommendation(
    deploy=None,
    sureness="not told apart",
    headline=(
      f"{_listed(left)} cannot be told apart on these images.{ahead} Choose by "
      "other criteria, such as speed, or test on more images."
    ),
    reasons=[
      f"The smallest overall risk was seen for {lowest}, but that may be "
      "chance.",
      *(_unresolved(pair) for pair, _ in among),
    ],
    cautions=cautions,
  )


def _break_even(pair, risks):
  first, second = pair.a, pair.b
  if _winner(pair.clean) == "b":
    first, second = second, first
  clean = [risks[n].clean_accuracy for n in (first, second)]
  degraded = [risks[n].overall.accuracy for n in (first, second)]
  gained, lost = clean[0] - clean[1], degraded[1] - degraded[0]
  share = 100 * gained / (gained + lost)
  return (
    f"{first} answers more clean images right ({clean[0]:.1f} % against "
    f"{clean[1]:.1f} %), {second} more of the transformed ones "
    f"({degraded[1]:.1f} % against {degraded[0]:.1f} %). Deploy {second} if "
    f"more than about {share:.0f} % of your images are degraded like those "
    f"here, else {first}."
  )


def _unresolved(pair):
  difference = pair.overall.difference
  width = max(
    difference.value - difference.low, difference.high - difference.value
  )
  sentence = pair.overall.sentence
  if difference.value == 0 or pair.overall.verdict != "not told apart":
    return sentence
  factor = (width / difference.value) ** 2
  if factor > 100:
    return f"{sentence} If there is a difference, it is small."
  wanted = _rounded(max(factor, 1.1) * pair.images)
  return (
    f"{sentence} If the difference is as large as it was seen, about {wanted} "
    "images would tell."
  )


def _rounded(number):
  """To two digits."""
  digits = max(0, len(str(int(number))) - 2)
  return f"{round(number / 10**digits) * 10**digits:,}"


def _loses(name, risk):
  row, images = risk.overall.risk, risk.clean_correct
  return (
    f"Of the {images:,} images that {name} answers right clean, changes "
    f"make it lose {row.value:.1f} % on average ({row.low:.1f} to "
    f"{row.high:.1f} %), most under {risk.worst_family}."
  )


def _of_clean(name, risk):
  if risk.clean_accuracy is None:
    return ""
  return f"{name} answers {risk.clean_accuracy:.1f} % of images right clean."


def _bugs(risks):
  return [
    f"{name} fails on {row.risk.value:.1f} % of images under {basic}, which "
    f"should not matter{_UNLESS.get(basic, '')}: look at it before deploying."
    for name, risk in risks.items()
    for basic, row in risk.minimum_functionality.items()
    if row.risk.value > _tolerated(basic, risk)
  ]


def _tolerated(basic, risk):
  """The same image must have the same answer; for the others, a tolerance."""
  return 0.0 if basic == "identity" else risk.tolerance


def _one_in(p_value):
  if p_value <= 1e-3:
    return "fewer than 1 in 1,000"
  return f"about 1 in {round(1 / p_value):,}"


def _listed(names):
  *first, last = names
  return f"{', '.join(first)} and {last}" if first else last
