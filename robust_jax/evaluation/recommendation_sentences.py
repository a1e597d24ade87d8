"""What a recommendation says, sentence by sentence."""

from collections.abc import Mapping, Sequence

from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.risk import Risk
from robust_jax.statistics.verdict import Difference

# Pairs of which each is told by itself.
_FEW_PAIRS = 3
# Images from which on the bootstrap's intervals are about as wide as they say.
_FEW = 100
_UNLESS = {
  "horizontal_flip": " unless left and right mean something in your images"
}


def loses(name: str, risk: Risk) -> str:
  """How much of what it can do a model loses."""
  row, most = risk.overall.risk, risk.worst_family
  interval = f"({row.low:.1f} to {row.high:.1f} %), most under {most}."
  if not risk.labelled:
    return (
      f"Changes of the image change {row.value:.1f} % of {name}'s answers on "
      f"average {interval}"
    )
  return (
    f"Of the {risk.clean_correct:,} images that {name} answers right clean, "
    f"changes make it lose {row.value:.1f} % on average {interval}"
  )


def bugs(risks: Mapping[str, Risk]) -> list[str]:
  """A sentence for each change that should not matter and does.

  The same image must have the same answer; for the others there is a tolerance.
  """
  first = next(iter(risks.values()))
  happens = "go wrong" if first.labelled else "change"
  sentences = []
  for basic in first.minimum_functionality:
    found = []
    for name, risk in risks.items():
      share = risk.minimum_functionality[basic].risk.value
      if share > (0.0 if basic == "identity" else risk.tolerance):
        found.append(f"{share:.1f} % ({name})")
    if found:
      sentences.append(
        f"Under {basic}, which should not matter{_UNLESS.get(basic, '')}, "
        f"answers {happens} for {listed(found)} of images."
      )
  return sentences


def few_images(risks: Mapping[str, Risk]) -> list[str]:
  """That there are few, if there are."""
  images = next(iter(risks.values())).images
  if images >= _FEW:
    return []
  return [f"{images} images are few: intervals of so few are too narrow."]


def identical(names: Sequence[str]) -> str:
  """Of models with the same answers."""
  return (
    f"{listed(names)} are identical here: they give the same answer to every "
    "image, as it is and changed."
  )


def told(
  pair: Comparison, name: str
) -> tuple[list[Difference], list[Difference]]:
  """Differences in which a model of the pair is told better, and worse."""
  found = [*pair.accuracies.values(), pair.overall]
  own, other = "A better", "B better"
  if pair.b == name:
    own, other = other, own
  worse = [*found, *pair.families.values()]
  return (
    [d for d in found if d.verdict == own],
    [d for d in worse if d.verdict == other],
  )


def in_whole(pair: Comparison, better: Sequence[Difference]) -> list[str]:
  """What is told, and what is asked and not told, a sentence for each.

  A balanced accuracy says little where the plain one says the same.
  """
  asked = [d for d in (pair.clean, pair.changed, pair.overall) if d]
  plain = [d for d in better if d in asked] or better
  unlike = [d for d in asked if d.verdict == "not told apart"]
  return [d.sentence for d in [*plain, *unlike]]


def in_short(
  name: str, found: Mapping[str, Sequence[Difference]], word: str
) -> list[str]:
  """In what a model is better, or worse, than which others.

  Args:
    name: of the model.
    found: rival -> differences that are told.
    word: "better" or "worse".
  """
  rivals: dict[str, list[str]] = {}
  for rival, differences in found.items():
    for difference in differences:
      rivals.setdefault(difference.what, []).append(rival)
  alike: dict[tuple[str, ...], list[str]] = {}
  for what, others in rivals.items():
    alike.setdefault(tuple(others), []).append(what)
  return [
    f"{name} is {word} than "
    f"{'every other model' if len(others) == len(found) else listed(others)} "
    f"in {listed(whats)}."
    for others, whats in alike.items()
  ]


def trade_offs(
  pairs: Sequence[Comparison], left: Sequence[str], risks: Mapping[str, Risk]
) -> list[str]:
  """Which of several models is right most often, by how much is degraded.

  Args:
    pairs: those in which it depends.
    left: the models to choose from.
    risks: of all, by name.
  """
  reasons = []
  if all(risks[name].labelled for name in left):
    reasons = _by_fraction(left, risks)
  if len(pairs) <= _FEW_PAIRS:
    for pair in pairs:
      found = [*pair.accuracies.values()]
      reasons += [d.sentence for d in found if d.verdict != "not told apart"]
  return reasons


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


def unresolved(
  pairs: Sequence[Comparison], risks: Mapping[str, Risk]
) -> list[str]:
  """Models that were not told apart, and how many images might do it.

  Args:
    pairs: a sentence or two where there is one pair, and for all of them where
      there are more.
    risks: of all models, by name.
  """
  if not pairs:
    return []
  far = max(pairs, key=lambda pair: abs(pair.overall.difference.value))
  reasons = [far.clean.sentence] if far.clean and len(pairs) == 1 else []
  if len(pairs) > 1:
    names = [n for n in risks if any(n in (p.a, p.b) for p in pairs)]
    names.sort(key=lambda name: risks[name].overall.risk.value)
    least, most = (risks[n].overall.risk.value for n in (names[0], names[-1]))
    reasons.append(
      f"{len(pairs)} pairs of {listed(names)} are not told apart. Their "
      f"overall risks are between {least:.1f} % ({names[0]}) and {most:.1f} % "
      f"({names[-1]}), which may be chance. The two that lie furthest apart:"
    )
  return [*reasons, _how_many(far)]


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
  wanted = _rounded(max(factor, 1.1) * pair.images)
  return (
    f"{sentence} If the difference is as large as it was seen, about {wanted} "
    "images would tell."
  )


def chance(p_value: float) -> list[str]:
  """How rare the difference would be if there were none."""
  if p_value == 0:
    return []
  often = f"about 1 in {round(1 / p_value):,}"
  if p_value <= 1e-3:
    often = "fewer than 1 in 1,000"
  return [
    "If the models were equally good, a difference this large would come up "
    f"in {often} comparisons."
  ]


def listed(names: Sequence[str]) -> str:
  """A, B and C."""
  *first, last = names
  return f"{', '.join(first)} and {last}" if first else last


def _rounded(number):
  """To two digits."""
  digits = max(0, len(str(int(number))) - 2)
  return f"{round(number / 10**digits) * 10**digits:,}"
