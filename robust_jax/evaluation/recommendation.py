"""Which model to deploy, in words, and how sure that is."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from robust_jax.evaluation import recommendation_sentences as sentences
from robust_jax.evaluation.recommendation_classes import (
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
  "depends on your images",
  "not told apart",
]
# Of more rivals than this, a sentence each would be too many.
_FEW_RIVALS = 2


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
  return _no_best(decision, risks, coverage)


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


def _best(best, risks, comparisons, coverage, class_names):
  own = {
    pair.b if pair.a == best else pair.a: pair
    for pair in comparisons
    if best in (pair.a, pair.b)
  }
  told = {rival: sentences.told(pair, best) for rival, pair in own.items()}
  better = {rival: found for rival, (found, _) in told.items()}
  worse = {rival: found for rival, (_, found) in told.items()}
  few = len(own) <= _FEW_RIVALS
  if few:
    reasons = [
      s for r, pair in own.items() for s in sentences.in_whole(pair, better[r])
    ]
    cautions = [d.sentence for found in worse.values() for d in found]
  else:
    reasons = sentences.in_short(best, better, "better")
    cautions = sentences.in_short(best, worse, "worse")
  reasons += [
    f"{rival} does not tell the images apart."
    for rival in own
    if coverage[rival].guesses
  ]
  for pair in own.values():
    cautions += classes_that_lose(pair, best, class_names, untold=few)
  missed = coverage[best].never_right
  return Recommendation(
    deploy=best,
    sureness="sure on average, not for every class" if missed else "sure",
    headline=f"Deploy {best} rather than {sentences.listed(list(own))}.",
    reasons=[
      *reasons,
      *sentences.chance(
        max(_p_value(pair, better[rival]) for rival, pair in own.items())
      ),
      sentences.loses(best, risks[best]),
    ],
    cautions=cautions + sentences.bugs({best: risks[best]}),
  )


def _p_value(pair, better) -> float:
  """Of what one model of a pair is preferred by; 0 where nothing is told."""
  asked = [*pair.accuracies.values()] or [pair.overall]
  return min((d.p_adjusted for d in better if d in asked), default=0.0)


def _no_best(decision: Decision, risks, coverage):
  left = decision.left or list(risks)
  among = [p for p in decision.open if p[0].a in left and p[0].b in left]
  depends = [pair for pair, answer in among if answer == "depends"]
  behind = [
    f"{name} is worse than "
    f"{sentences.listed([n for n in risks if name in decision.beaten[n]])}."
    for name in risks
    if name not in left
  ]
  if all(coverage[name].guesses for name in risks):
    headline = "No model's answers are told from guessing: deploy none."
    reasons = []
  elif len(left) == 1:
    headline = f"{left[0]} is not worse than any other, nor better than all."
    reasons = sentences.unresolved([p for p, _ in decision.open], risks)
  elif depends:
    headline = (
      f"It depends on your images: {sentences.listed(left)} are each better "
      "in one respect."
    )
    reasons = sentences.trade_offs(depends, left, risks)
  else:
    headline = f"{sentences.listed(left)} cannot be told apart on these images."
    reasons = [
      "Choose by other criteria, such as speed, or test on more images.",
      *sentences.unresolved([pair for pair, _ in among], risks),
    ]
  return Recommendation(
    deploy=None,
    sureness="depends on your images" if depends else "not told apart",
    headline=headline,
    reasons=reasons + behind,
    cautions=sentences.bugs({name: risks[name] for name in left}),
  )
