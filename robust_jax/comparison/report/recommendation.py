"""Which model to deploy, in words, and how sure that is."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from robust_jax.comparison.report import _recommendation_sentences as sentences
from robust_jax.comparison.report import _recommendation_undecided as undecided
from robust_jax.comparison.report._recommendation_classes import (
  classes_that_lose,
  coverage_weaknesses,
)
from robust_jax.statistics.class_coverage import ClassCoverage
from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.decide import Decision, decide
from robust_jax.statistics.risk import Risk

Sureness = Literal[
  "sure",
  "sure on average, not for every class",
  "sure by overall risk alone",
  "depends on your images",
  "not told apart by accuracy",
  "not told apart by accuracy or overall risk",
  "not told apart by overall risk",
  "not told from guessing",
  "only one model",
]
# Of more rivals than this, a sentence each would be too many.
_FEW_RIVALS = 2


@dataclasses.dataclass(frozen=True)
class Recommendation:
  """`dataclasses.asdict` is JSON.

  Attributes:
    deploy: the name of a model; None where no one is better than all others.
    sureness: whether it is more than an accident of these images, and by which
      measures models are not told apart.
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
  coverage: Mapping[str, ClassCoverage],
  class_names: Sequence[str],
  identical: Sequence[Sequence[str]] = (),
) -> Recommendation:
  """What `statistics.decide` decides, with its reasons and what to look at.

  Args:
    risks: of each model, by name; one or more.
    comparisons: of every pair, at a level at which all hold together.
    coverage: of each model, by name.
    class_names: of the data.
    identical: groups of models that answer all images alike.
  """
  found = _recommend(risks, comparisons, coverage, class_names)
  same = [sentences.identical(group) for group in identical]
  weaknesses = coverage_weaknesses(risks, coverage, class_names)
  few = sentences.few_images(risks)
  return dataclasses.replace(
    found, cautions=same + weaknesses + few + found.cautions
  )


def _recommend(risks, comparisons, coverage, class_names):
  names = list(risks)
  if len(names) == 1:
    return _alone(names[0], risks)
  decision = decide(names, comparisons, coverage)
  if decision.best is not None:
    return _best(decision.best, risks, comparisons, coverage, class_names)
  return _no_best(decision, risks, comparisons, coverage)


def _alone(name, risks):
  risk = risks[name]
  right = []
  if risk.clean_accuracy is not None:
    right = [f"{name} answers {risk.clean_accuracy:.1f} % of images right."]
  return Recommendation(
    deploy=None,
    sureness="only one model",
    headline=f"{name} stands alone: there is nothing to choose from.",
    reasons=[*right, sentences.loses(name, risk)],
    cautions=sentences.bugs(risks),
  )


def _best(best, risks, comparisons, coverage, class_names):
  own = {
    pair.b if pair.a == best else pair.a: pair
    for pair in comparisons
    if best in (pair.a, pair.b)
  }
  told = {rival: sentences.told(pair, best) for rival, pair in own.items()}
  better = {rival: found for rival, (found, _) in told.items()}
  worse = {rival: found for rival, (_, found) in told.items()}
  guessing = [rival for rival in own if coverage[rival].guesses]
  few = len(own) <= _FEW_RIVALS
  if few:
    reasons = [
      s for r, pair in own.items() for s in sentences.in_whole(pair, better[r])
    ]
    cautions = [d.sentence for found in worse.values() for d in found]
  else:
    reasons = sentences.in_short(best, better, "better", len(own))
    cautions = sentences.in_short(best, worse, "worse", len(own))
  reasons += [f"{rival} does not tell the images apart." for rival in guessing]
  for pair in own.values():
    cautions += classes_that_lose(pair, best, class_names, untold=few)
  by_risk = any(
    found == [own[rival].overall] and rival not in guessing
    for rival, found in better.items()
  )
  return Recommendation(
    deploy=best,
    sureness=_sureness(by_risk, coverage[best].never_right),
    headline=sentences.deploy(best, better),
    reasons=[
      *reasons,
      *sentences.chance(better.values()),
      sentences.loses(best, risks[best]),
    ],
    cautions=cautions + sentences.bugs({best: risks[best]}),
  )


def _sureness(by_risk, never_right) -> Sureness:
  if by_risk:
    return "sure by overall risk alone"
  return "sure on average, not for every class" if never_right else "sure"


def _no_best(decision: Decision, risks, comparisons, coverage):
  left = decision.left
  among = [p for p in decision.open if p[0].a in left and p[0].b in left]
  if len(left) == 1:  # those that it is not told to be better than
    among = [p for p in decision.open if left[0] in (p[0].a, p[0].b)]
  group = [n for n in risks if any(n in (p.a, p.b) for p, _ in among)]
  depends = [pair for pair, answer in among if answer == "depends"]
  neither = [pair for pair, answer in among if answer == "neither"]
  sureness: Sureness = "depends on your images"
  if all(coverage[name].guesses for name in risks):
    sureness = "not told from guessing"
    headline = "No model's answers are told from guessing: deploy none."
    reasons = []
  elif not left:
    headline = f"Each of {sentences.listed([*risks])} is worse than another."
    reasons = []
  elif depends:
    headline = undecided.it_depends(depends, group)
    reasons = undecided.trade_offs(depends, group, risks)
  else:
    sureness = undecided.sureness(neither)
    headline = undecided.not_told_apart(neither, left)
    reasons = [
      "Choose by other criteria, such as speed, or test on more images.",
      *undecided.unresolved(neither, group),
    ]
  return Recommendation(
    deploy=None,
    sureness=sureness,
    headline=headline,
    reasons=reasons + _behind(decision, comparisons, risks),
    cautions=sentences.bugs({name: risks[name] for name in group or risks}),
  )


def _behind(decision: Decision, comparisons, risks) -> list[str]:
  """By which measures models are worse than others that are preferred."""
  found = []
  for name in risks:
    rivals = [rival for rival in risks if name in decision.beaten[rival]]
    worse = {
      rival: sentences.told(pair, rival)[0]
      for pair in comparisons
      for rival in rivals
      if {pair.a, pair.b} == {name, rival}
    }
    found += sentences.in_short(name, worse, "worse", len(risks) - 1)
  return found
