"""Recommendation of a model to deploy, in words, with its confidence."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from robust_jax.comparison.prediction_reports.words import Words
from robust_jax.comparison.report import _recommendation_sentences as sentences
from robust_jax.comparison.report import _recommendation_undecided as undecided
from robust_jax.comparison.report._recommendation_classes import (
  classes_that_lose,
  coverage_weaknesses,
)
from robust_jax.comparison.report._recommendation_undecided import Confidence
from robust_jax.statistics.class_coverage import ClassCoverage
from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.decide import Decision, decide
from robust_jax.statistics.risk import Risk

# Up to so many other models get a sentence each.
_FEW_OTHERS = 2


@dataclasses.dataclass(frozen=True)
class Recommendation:
  """A recommendation; `dataclasses.asdict` is JSON.

  Attributes:
    deploy: name of a model, or None if none is better than all others.
    confidence: whether the decision is beyond chance, and on which measures.
    headline: one sentence.
    reasons: sentences with the reasons.
    cautions: sentences with drawbacks and points to check.
  """

  deploy: str | None
  confidence: Confidence
  headline: str
  reasons: list[str]
  cautions: list[str]


class Results(NamedTuple):
  """The statistics behind a recommendation.

  Attributes:
    risks: risk of each model, by name; one or more.
    comparisons: comparisons of all pairs, at a level at which all hold jointly.
    coverage: class coverage of each model, by name.
    accuracies: model -> its accuracy on clean and on changed examples in
      percent, which decides beside the risk; none without labels.
    class_names: names of the classes.
    identical: groups of models with equal predictions for all examples.
    words: words of reports.
  """

  risks: Mapping[str, Risk]
  comparisons: Sequence[Comparison]
  coverage: Mapping[str, ClassCoverage]
  accuracies: Mapping[str, tuple[float, float]]
  class_names: Sequence[str]
  identical: Sequence[Sequence[str]] = ()
  words: Words = Words()


def recommendation(results: Results) -> Recommendation:
  """Words the decision of `statistics.decide`, with reasons and cautions."""
  found = _recommend(results)
  words = results.words
  same = [sentences.identical(group, words) for group in results.identical]
  weaknesses = coverage_weaknesses(
    results.risks, results.coverage, results.class_names, words
  )
  few = sentences.few_examples(results.risks, words)
  return dataclasses.replace(
    found, cautions=same + weaknesses + few + found.cautions
  )


def _recommend(results):
  names = list(results.risks)
  if len(names) == 1:
    return _alone(names[0], results)
  decision = decide(names, results.comparisons, results.coverage)
  if decision.best is not None:
    return _best(decision.best, results)
  return _no_best(decision, results)


def _alone(name, results):
  risks, words = results.risks, results.words
  risk = risks[name]
  accuracy = []
  if risk.clean_accuracy is not None:
    accuracy = [
      f"{name} {words.is_right} {risk.clean_accuracy:.1f} % of "
      f"{words.units}{words.correctly}."
    ]
  return Recommendation(
    deploy=None,
    confidence="only one model",
    headline=f"{name} is the only model: there is nothing to compare.",
    reasons=[*accuracy, sentences.loss(name, risk, words)],
    cautions=sentences.bugs(risks, words),
  )


def _best(best, results):
  risks, coverage, words = results.risks, results.coverage, results.words
  own = {
    pair.b if pair.a == best else pair.a: pair
    for pair in results.comparisons
    if best in (pair.a, pair.b)
  }
  split = {other: sentences.split(pair, best) for other, pair in own.items()}
  better = {other: found for other, (found, _) in split.items()}
  worse = {other: found for other, (_, found) in split.items()}
  guessing = [other for other in own if coverage[other].guesses]
  few = len(own) <= _FEW_OTHERS
  if few:
    reasons = [
      sentence
      for other, pair in own.items()
      for sentence in sentences.in_full(pair, better[other])
    ]
    cautions = [d.sentence for found in worse.values() for d in found]
  else:
    reasons = sentences.in_short(best, better, "better", len(own))
    cautions = sentences.in_short(best, worse, "worse", len(own))
  reasons += [f"{other} is no better than guessing." for other in guessing]
  for pair in own.values():
    cautions += classes_that_lose(
      pair, best, results.class_names, words, uncertain=few
    )
  by_risk = any(
    found == [own[other].overall] and other not in guessing
    for other, found in better.items()
  )
  return Recommendation(
    deploy=best,
    confidence=_confidence(by_risk, coverage[best].never_correct),
    headline=sentences.deploy(best, better),
    reasons=[
      *reasons,
      *sentences.significance(better.values()),
      sentences.loss(best, risks[best], words),
    ],
    cautions=cautions + sentences.bugs({best: risks[best]}, words),
  )


def _confidence(by_risk, never_correct) -> Confidence:
  if by_risk:
    return "high by overall risk alone"
  return "high on average, not for every class" if never_correct else "high"


def _no_best(decision: Decision, results):
  risks, words = results.risks, results.words
  left = decision.unbeaten
  among = [p for p in decision.undecided if p[0].a in left and p[0].b in left]
  if len(left) == 1:  # its pairs without a preference
    among = [p for p in decision.undecided if left[0] in (p[0].a, p[0].b)]
  group = [n for n in risks if any(n in (p.a, p.b) for p, _ in among)]
  depends = [pair for pair, preference in among if preference == "depends"]
  neither = [pair for pair, preference in among if preference == "neither"]
  confidence: Confidence = "depends on your data"
  reasons: list[str] = []
  if all(results.coverage[name].guesses for name in risks):
    confidence = "no better than guessing"
    headline = "No model is better than guessing: deploy none."
  elif not left:
    headline = f"Each of {sentences.listed([*risks])} is worse than another."
  elif depends:
    headline = undecided.it_depends(depends, group)
    reasons = undecided.trade_offs(depends, group, results.accuracies, words)
  else:
    confidence = undecided.confidence(neither)
    headline = undecided.no_difference(neither, left)
    reasons = [
      "Choose by other criteria, such as speed, or test on more examples.",
      *undecided.unresolved(neither, group),
    ]
  return Recommendation(
    deploy=None,
    confidence=confidence,
    headline=headline,
    reasons=reasons + _behind(decision, results),
    cautions=sentences.bugs(
      {name: risks[name] for name in group or risks}, words
    ),
  )


def _behind(decision: Decision, results) -> list[str]:
  """Returns the measures on which models are worse than preferred ones."""
  found, risks = [], results.risks
  for name in risks:
    others = [other for other in risks if name in decision.preferred_to[other]]
    worse = {
      other: sentences.split(pair, other)[0]
      for pair in results.comparisons
      for other in others
      if {pair.a, pair.b} == {name, other}
    }
    found += sentences.in_short(name, worse, "worse", len(risks) - 1)
  return found
