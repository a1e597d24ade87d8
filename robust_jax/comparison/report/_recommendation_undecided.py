"""Sentences of recommendations where no model is preferred to all others."""

from collections.abc import Mapping, Sequence
from typing import Literal

from robust_jax.comparison.prediction_reports.words import Words
from robust_jax.comparison.report._recommendation_sentences import (
  in_short,
  listed,
  without_duplicates,
)
from robust_jax.statistics.compare_risks import Comparison

Confidence = Literal[
  "high",
  "high on average, not for every class",
  "high by overall risk alone",
  "depends on your data",
  "no significant difference in accuracy",
  "no significant difference in accuracy or overall risk",
  "no significant difference in overall risk",
  "no better than guessing",
  "only one model",
]
# Up to so many pairs get sentences of their own.

_FEW_PAIRS = 3


def it_depends(pairs: Sequence[Comparison], names: Sequence[str]) -> str:
  """Returns a headline on accuracies that favor different models.

  Args:
    pairs: pairs whose preference depends on the examples.
    names: names of the models to choose from.
  """
  differ = {key: d for pair in pairs for key, d in _significant(pair).items()}
  measures = [d.what for d in without_duplicates(differ)]
  return (
    f"It depends on your data: {listed(names)} differ in {listed(measures)}, "
    "and none of them is better throughout."
  )


def trade_offs(
  pairs: Sequence[Comparison],
  left: Sequence[str],
  accuracies: Mapping[str, tuple[float, float]],
  words: Words,
) -> list[str]:
  """Returns which model is most accurate, by the fraction of degraded examples.

  Args:
    pairs: pairs whose preference depends on the examples.
    left: names of the models to choose from.
    accuracies: model -> accuracy on clean and on changed examples, in percent;
      none without labels.
    words: words of reports.
  """
  reasons = []
  if accuracies:
    reasons = _by_fraction({name: accuracies[name] for name in left}, words)
  if len(pairs) <= _FEW_PAIRS:
    for pair in pairs:
      reasons += [d.sentence for d in without_duplicates(_significant(pair))]
  return reasons


def _significant(pair):
  """Returns the accuracies of a pair that differ significantly."""
  return {key: d for key, d in pair.accuracies.items() if d.is_significant}


def _by_fraction(lines, words: Words) -> list[str]:
  """Returns the most accurate model for each fraction of degraded examples."""
  here, name = 0.0, max(lines, key=lambda n: lines[n])
  steps = [(here, name)]
  while True:
    clean, degraded = lines[name]
    crossings = []
    for other, (c, d) in lines.items():
      # With a fraction p degraded, the accuracy is (1 - p) clean + p degraded.
      if d > degraded:
        crossings.append(((clean - c) / (clean - c + d - degraded), -d, other))
    if not crossings:
      break
    here, _, name = min(crossings)
    steps.append((here, name))
  if len(steps) == 1:
    clean, degraded = lines[name]
    return [
      f"{name} was most accurate on clean ({clean:.1f} %) and changed "
      f"{words.units} ({degraded:.1f} %), but another result speaks against it."
    ]
  shown = []
  for i, (start, name) in enumerate(steps):
    end = f"{100 * steps[i + 1][0]:.0f} %" if i + 1 < len(steps) else None
    where = (
      f"beyond {100 * start:.0f} %" if end is None else f"up to about {end}"
    )
    clean, degraded = lines[name]
    levels = words.accuracies.format(clean=clean, changed=degraded)
    shown.append(f"{where}, {name} ({levels})")
  return [
    "Depending on the fraction of your data that is degraded like these, "
    f"the most accurate model was: {'; '.join(shown)}."
  ]


def confidence(pairs: Sequence[Comparison]) -> Confidence:
  """Names the kinds of measures on which no pair differs.

  Args:
    pairs: pairs without significant differences in accuracy.
  """
  if _of_less_risk(pairs):
    return "no significant difference in accuracy"
  if pairs[0].accuracies:
    return "no significant difference in accuracy or overall risk"
  return "no significant difference in overall risk"


def no_difference(pairs: Sequence[Comparison], left: Sequence[str]) -> str:
  """Returns a headline with the measures on which no pair differs.

  It says as well whether some pairs differ in overall risk.

  Args:
    pairs: as in `confidence`: all pairs of `left`, or of its one model and
      others.
    left: models that no other one is preferred to.
  """
  measures = [d.what for d in pairs[0].accuracies.values()]
  less = _of_less_risk(pairs)
  if not less:
    measures.append(pairs[0].overall.what)
  subject = f"{listed(left)} do not differ significantly"
  if len(left) == 1:
    others = [p.b if p.a == left[0] else p.a for p in pairs]
    subject = f"{left[0]} does not differ significantly from {listed(others)}"
  text = f"{subject} in {listed(measures, 'or')}"
  if not less:
    return f"{text}."
  if len(pairs) == 1:
    return f"{text}; {next(iter(less))} has less overall risk."
  return f"{text}; some of them do in overall risk."


def unresolved(pairs: Sequence[Comparison], names: Sequence[str]) -> list[str]:
  """Returns details of the pairs without a difference in accuracy.

  For one pair these are its accuracies and its risk; for several, differences
  in risk and the largest one that is not significant.

  Args:
    pairs: as in `confidence`.
    names: names of the models in them.
  """
  if len(pairs) == 1:
    (pair,) = pairs
    accuracies = [d.sentence for d in (pair.clean, pair.changed) if d]
    return [*accuracies, _how_many(pair)]
  reasons = [
    sentence
    for name, found in _of_less_risk(pairs).items()
    for sentence in in_short(name, found, "better")
  ]
  alike = [pair for pair in pairs if not pair.overall.is_significant]
  if not alike:
    return reasons
  far = max(alike, key=lambda pair: abs(pair.overall.difference.value))
  if len(alike) == 1:
    return [*reasons, _how_many(far)]
  among = [n for n in names if any(n in (p.a, p.b) for p in alike)]
  return [
    *reasons,
    f"{len(alike)} pairs of {listed(among)} do not differ significantly in "
    f"overall risk. The largest difference: {_how_many(far)}",
  ]


def _of_less_risk(pairs):
  """Returns model -> other model -> [difference], for significant risks."""
  found: dict[str, dict] = {}
  for pair in pairs:
    if pair.overall.is_significant:
      a_is = pair.overall.verdict == "A better"
      winner, other = (pair.a, pair.b) if a_is else (pair.b, pair.a)
      found.setdefault(winner, {})[other] = [pair.overall]
  return found


def _how_many(pair: Comparison) -> str:
  """Returns the difference in risk and how many examples would resolve it."""
  difference, sentence = pair.overall.difference, pair.overall.sentence
  width = max(
    difference.value - difference.low, difference.high - difference.value
  )
  if difference.value == 0 or pair.overall.is_significant:
    return sentence
  # Widths of intervals are inverse to the root of the number of examples.
  factor = (width / difference.value) ** 2
  if factor > 100:
    return f"{sentence} If there is a difference, it is small."
  needed = _rounded(max(factor, 1.1) * pair.examples)
  return (
    f"{sentence} If the true difference is as large as observed, about "
    f"{needed} examples would show it."
  )


def _rounded(number):
  """Rounds to two significant digits."""
  digits = max(0, len(str(int(number))) - 2)
  return f"{round(number / 10**digits) * 10**digits:,}"
