"""Sentences of a recommendation about classes."""

from collections.abc import Mapping, Sequence

from robust_jax.comparison.report._recommendation_sentences import listed
from robust_jax.statistics.class_coverage import ClassCoverage
from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.risk import Risk

# The part of what is beyond guessing that a model should at least know.
_BARELY = 0.1
_SHOWN = 5
# Points by which a class must be worse to be worth a sentence untold.
_WORTH = 5.0


def coverage_weaknesses(
  risks: Mapping[str, Risk],
  coverage: Mapping[str, ClassCoverage],
  class_names: Sequence[str],
) -> list[str]:
  """Models that guess or hardly do more, and classes that they never meet."""
  found = []
  missed: dict[tuple[int, ...], list[str]] = {}
  for name, one in coverage.items():
    found += _guessing(name, risks[name], one, class_names)
    if one.never_right and one.answered > 1:
      missed.setdefault(tuple(one.never_right), []).append(name)
  return found + [
    f"{listed(names)} {'is' if len(names) == 1 else 'are'} right about no "
    f"image of {_some([class_names[label] for label in labels])}."
    for labels, names in missed.items()
  ]


def _guessing(name, risk, one, class_names):
  if one.answered <= 1:
    return [
      f"{name} gives all {risk.images:,} images as they are the same answer: "
      "it loses nothing because it knows nothing, and its risk says nothing."
    ]
  if one.balanced_accuracy is None:
    return []
  always = (
    f"{name} answers {risk.clean_accuracy:.1f} % of clean images right, where "
    f"always answering {class_names[one.largest_class]} would be right about "
    f"{one.largest_fraction:.1f} %"
  )
  chance = 100 / one.num_classes
  known = (one.balanced_accuracy - chance) / max(100 - chance, 1e-9)
  if one.guesses or known < _BARELY:
    told = (
      "that is not told from guessing, and"
      if one.guesses
      else ("what it does not know it cannot lose, and")
    )
    return [f"{always}: {told} its risk says little."]
  if risk.clean_accuracy < one.largest_fraction:
    return [
      f"{always}; the mean over classes is {one.balanced_accuracy:.1f} %, "
      f"where that would have {chance:.1f} %."
    ]
  return []


def classes_that_lose(
  pair: Comparison, name: str, class_names: Sequence[str], *, untold: bool
) -> list[str]:
  """Classes that one model of a pair is right about less often.

  All that are told beyond chance, and of the others the worst one if it is
  worse by five points or more.

  Args:
    pair: of two models.
    name: of the one that is recommended.
    class_names: of the data.
    untold: whether one that is not told beyond chance is worth a sentence.
  """
  own, other = (0, 1) if pair.a == name else (1, 0)
  rival = (pair.a, pair.b)[other]
  alpha = 1 - pair.level
  lost, seen = [], []
  for one in pair.classes:
    for where, values, p in (
      ("as they are", one.clean, one.p_clean),
      ("changed", one.changed, one.p_changed),
    ):
      points = values[other] - values[own]
      text = (
        f"{class_names[one.label]} ({where}: {values[own]:.1f} % against "
        f"{values[other]:.1f} %, {one.images} images)"
      )
      if points > 0:
        (lost if p < alpha else seen).append((points, text))
  worst = sorted(lost, reverse=True)
  texts = []
  if worst:
    texts.append(
      f"{name} is right less often than {rival} about "
      f"{_some([text for _, text in worst])}."
    )
  points, text = max(seen, default=(0.0, ""))
  if untold and points >= _WORTH and points > (worst[0][0] if worst else 0.0):
    texts.append(
      f"{name} was right less often than {rival} about {text}; of so few "
      "images, that may be chance."
    )
  return texts


def _some(texts):
  """A, B, C and 12 more."""
  rest = len(texts) - _SHOWN
  return listed([*texts[:_SHOWN], f"{rest} more"] if rest > 0 else texts)
