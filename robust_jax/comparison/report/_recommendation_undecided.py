"""Sentences where no model is preferred to all others."""

from collections.abc import Mapping, Sequence

from robust_jax.comparison.report._recommendation_sentences import (
  in_short,
  listed,
  plain,
)
from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.risk import Risk

# Pairs of which each is told by itself.
_FEW_PAIRS = 3


def it_depends(pairs: Sequence[Comparison], names: Sequence[str]) -> str:
  """By which accuracies models differ, none of them being better throughout.

  Args:
    pairs: those in which it depends.
    names: of the models to choose from.
  """
  differ = {key: d for pair in pairs for key, d in _told(pair).items()}
  return (
    f"It depends on your images: {listed(names)} differ in "
    f"{listed([d.what for d in plain(differ)])}, and none of them is better "
    "throughout."
  )


def trade_offs(
  pairs: Sequence[Comparison], left: Sequence[str], risks: Mapping[str, Risk]
) -> list[str]:
  """Which model is right most often, by how many images are degraded.

  Args:
    pairs: those in which it depends.
    left: the models to choose from.
    risks: of all, by name.
  """
  reasons = []
  if all(risks[name].labeled for name in left):
    reasons = _by_fraction(left, risks)
  if len(pairs) <= _FEW_PAIRS:
    for pair in pairs:
      reasons += [d.sentence for d in plain(_told(pair))]
  return reasons


def _told(pair):
  """Accuracies that tell a pair apart."""
  found = pair.accuracies.items()
  return {key: d for key, d in found if d.verdict != "not told apart"}


def _by_fraction(left, risks) -> list[str]:
  """The model that is right most often, from no to all images degraded."""
  lines = {
    n: (risks[n].clean_accuracy, risks[n].overall.accuracy) for n in left
  }
  here, name = 0.0, max(lines, key=lambda n: lines[n])
  steps = [(here, name)]
  while True:
    clean, degraded = lines[name]
    crossings = []
    for other, (c, d) in lines.items():
      # Where p is degraded, (1 - p) clean + p degraded is right.
      if d > degraded:
        crossings.append(((clean - c) / (clean - c + d - degraded), -d, other))
    if not crossings:
      break
    here, _, name = min(crossings)
    steps.append((here, name))
  if len(steps) == 1:
    clean, degraded = lines[name]
    return [
      f"{name} was right most often, clean ({clean:.1f} %) and changed "
      f"({degraded:.1f} %), and yet something speaks against it."
    ]
  shown = []
  for i, (start, name) in enumerate(steps):
    end = f"{100 * steps[i + 1][0]:.0f} %" if i + 1 < len(steps) else None
    where = (
      f"beyond {100 * start:.0f} %" if end is None else f"up to about {end}"
    )
    clean, degraded = lines[name]
    shown.append(
      f"{where}, {name} ({clean:.1f} % of clean images, {degraded:.1f} % of "
      "changed ones)"
    )
  return [
    "By how many of your images are degraded like those here, these were right "
    f"most often: {'; '.join(shown)}."
  ]


def sureness(pairs: Sequence[Comparison]) -> str:
  """The measures that tell no pair apart, in short.

  Args:
    pairs: of models that no accuracy tells apart.
  """
  kinds = ["accuracy"] if pairs[0].accuracies else []
  if not _of_less_risk(pairs):
    kinds.append("overall risk")
  return f"not told apart by {listed(kinds, 'or')}"


def not_told_apart(pairs: Sequence[Comparison], left: Sequence[str]) -> str:
  """The measures that tell no pair apart, and whether overall risk tells some.

  Args:
    pairs: as in `sureness`, all of two of `left`, or all of the one and others.
    left: models that no other one is preferred to.
  """
  measures = [d.what for d in pairs[0].accuracies.values()]
  less = _of_less_risk(pairs)
  if not less:
    measures.append(pairs[0].overall.what)
  subject = f"{listed(left)} are not told apart"
  if len(left) == 1:
    others = [p.b if p.a == left[0] else p.a for p in pairs]
    subject = f"{left[0]} is not told apart from {listed(others)}"
  text = f"{subject} by {listed(measures, 'or')}"
  if not less:
    return f"{text}."
  if len(pairs) == 1:
    return f"{text}; {next(iter(less))} has less overall risk."
  return f"{text}; some of them are by overall risk."


def unresolved(pairs: Sequence[Comparison], names: Sequence[str]) -> list[str]:
  """Accuracies and risk of one pair; of more, risk, and how far they differ.

  Args:
    pairs: as in `sureness`.
    names: of the models in them.
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
  untold = [p for p in pairs if p.overall.verdict == "not told apart"]
  if not untold:
    return reasons
  far = max(untold, key=lambda pair: abs(pair.overall.difference.value))
  if len(untold) == 1:
    return [*reasons, _how_many(far)]
  among = [n for n in names if any(n in (p.a, p.b) for p in untold)]
  return [
    *reasons,
    f"{len(untold)} pairs of {listed(among)} are not told apart by overall "
    f"risk. The two that lie furthest apart: {_how_many(far)}",
  ]


def _of_less_risk(pairs):
  """Model -> rival -> the difference, where overall risk is told."""
  found: dict[str, dict] = {}
  for pair in pairs:
    if pair.overall.verdict != "not told apart":
      a_is = pair.overall.verdict == "A better"
      winner, rival = (pair.a, pair.b) if a_is else (pair.b, pair.a)
      found.setdefault(winner, {})[rival] = [pair.overall]
  return found


def _how_many(pair: Comparison) -> str:
  difference, sentence = pair.overall.difference, pair.overall.sentence
  width = max(
    difference.value - difference.low, difference.high - difference.value
  )
  if difference.value == 0 or pair.overall.verdict != "not told apart":
    return sentence
  # Intervals narrow with the root of the number of images.
  factor = (width / difference.value) ** 2
  if factor > 100:
    return f"{sentence} If there is a difference, it is small."
  expected = _rounded(max(factor, 1.1) * pair.images)
  return (
    f"{sentence} If the difference is as large as it was seen, about "
    f"{expected} images would tell."
  )


def _rounded(number):
  """To two digits."""
  digits = max(0, len(str(int(number))) - 2)
  return f"{round(number / 10**digits) * 10**digits:,}"
