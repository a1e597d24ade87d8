"""Sentences of a recommendation about classes."""

from collections.abc import Mapping, Sequence

from robust_jax.comparison.prediction_reports.words import Words
from robust_jax.comparison.report._recommendation_sentences import listed
from robust_jax.statistics.class_coverage import ClassCoverage
from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.risk import Risk

# Smallest fraction of the way from chance to 100 % that counts as knowledge.
_BARELY = 0.1
_SHOWN = 5
# Points by which a class must be worse for a sentence without significance.
_LARGE = 5.0


def coverage_weaknesses(
  risks: Mapping[str, Risk],
  coverage: Mapping[str, ClassCoverage],
  class_names: Sequence[str],
  words: Words,
) -> list[str]:
  """Returns sentences on models near chance and classes never correct."""
  found = []
  missed: dict[tuple[int, ...], list[str]] = {}
  for name, one in coverage.items():
    found += _guessing(name, risks[name], one, class_names)
    if one.never_correct and one.predicted > 1:
      missed.setdefault(tuple(one.never_correct), []).append(name)
  return found + [
    f"{listed(names)} {words.is_right if len(names) == 1 else words.are_right} "
    f"no {words.unit} of {_some([class_names[label] for label in labels])}"
    f"{words.correctly}."
    for labels, names in missed.items()
  ]


def _guessing(name, risk, one, class_names):
  if one.predicted <= 1:
    return [
      f"{name} predicts the same class for all {risk.examples:,} clean "
      "examples: it has nothing to lose, and its risk is meaningless."
    ]
  if one.balanced_accuracy is None:
    return []
  always = (
    f"{name} classifies {risk.clean_accuracy:.1f} % of clean examples "
    f"correctly, where always predicting {class_names[one.largest_class]} "
    f"would reach {one.largest_fraction:.1f} %"
  )
  chance = 100 / one.num_classes
  known = (one.balanced_accuracy - chance) / max(100 - chance, 1e-9)
  if one.guesses or known < _BARELY:
    why = (
      "that is no better than guessing"
      if one.guesses
      else "a model that knows little has little to lose"
    )
    return [f"{always}: {why}, and its risk says little."]
  if risk.clean_accuracy < one.largest_fraction:
    return [
      f"{always}; the mean over classes is {one.balanced_accuracy:.1f} %, "
      f"where that would reach {chance:.1f} %."
    ]
  return []


def classes_that_lose(
  pair: Comparison,
  name: str,
  class_names: Sequence[str],
  words: Words,
  *,
  uncertain: bool,
) -> list[str]:
  """Returns sentences on classes in which a model is the less accurate one.

  They name all significant differences, and of the others the largest one if it
  is at least five points.

  Args:
    pair: comparison of two models.
    name: name of the recommended model.
    class_names: names of the classes.
    words: words of reports.
    uncertain: whether to report a difference that is not significant.
  """
  own, other = (0, 1) if pair.a == name else (1, 0)
  other_name = (pair.a, pair.b)[other]
  alpha = 1 - pair.level
  lost: list[tuple[float, str]] = []
  seen: list[tuple[float, str]] = []
  for one in pair.classes:
    for where, values, p in (
      ("clean", one.clean, one.p_clean),
      ("changed", one.changed, one.p_changed),
    ):
      points = values[other] - values[own]
      text = (
        f"{class_names[one.label]} ({where}: {values[own]:.1f} % against "
        f"{values[other]:.1f} %, {one.examples} {words.units})"
      )
      if points > 0:
        (lost if p < alpha else seen).append((points, text))
  worst = sorted(lost, reverse=True)
  texts = []
  if worst:
    texts.append(
      f"{name} is less accurate than {other_name} on "
      f"{_some([text for _, text in worst])}."
    )
  points, text = max(seen, default=(0.0, ""))
  if (
    uncertain and points >= _LARGE and points > (worst[0][0] if worst else 0.0)
  ):
    texts.append(
      f"{name} was less accurate than {other_name} on {text}; with so few "
      f"{words.units}, that may be chance."
    )
  return texts


def _some(texts):
  """Joins the first items, as in "A, B, C and 12 more"."""
  rest = len(texts) - _SHOWN
  return listed([*texts[:_SHOWN], f"{rest} more"] if rest > 0 else texts)
