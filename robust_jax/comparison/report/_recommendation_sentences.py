"""Sentences of which recommendations are made."""

from collections.abc import Iterable, Mapping, Sequence

from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.risk import Risk
from robust_jax.statistics.verdict import Difference

# Images from which on the bootstrap's intervals are about as wide as they say.
_FEW = 100
_UNLESS = {
  "horizontal_flip": " unless left and right mean something in your images"
}


def loses(name: str, risk: Risk) -> str:
  """How much of what it can do a model loses."""
  row, most = risk.overall.risk, risk.worst_family
  interval = f"({row.low:.1f} to {row.high:.1f} %), most under {most}."
  if not risk.labeled:
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
  happens = "go wrong" if first.labeled else "change"
  sentences = []
  for basic in first.invariance_tests:
    found = []
    for name, risk in risks.items():
      fraction = risk.invariance_tests[basic].risk.value
      if fraction > (0.0 if basic == "identity" else risk.tolerance):
        found.append(f"{fraction:.1f} % ({name})")
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
  """Measures by which a model of the pair is told better, and worse.

  Risks under single families, too, are among those by which it is worse.
  """
  own, other = "A better", "B better"
  if pair.b == name:
    own, other = other, own
  found = pair.measures
  families = pair.families.values()
  return (
    plain({key: d for key, d in found.items() if d.verdict == own}),
    plain({key: d for key, d in found.items() if d.verdict == other})
    + [d for d in families if d.verdict == other],
  )


def plain(found: Mapping[str, Difference]) -> list[Difference]:
  """Without balanced accuracies where the plain one is there and says the same.

  Args:
    found: of the `measures` of a `Comparison`.
  """
  return [
    difference
    for key, difference in found.items()
    if (of_images := key.removeprefix("balanced_")) == key
    or of_images not in found
  ]


def deploy(best: str, better: Mapping[str, Sequence[Difference]]) -> str:
  """Which model to deploy, and by which measures it is told better.

  Args:
    best: the model.
    better: rival -> measures by which it is told better than that; none where
      the rival guesses.
  """
  told_by = {r: [d.what for d in found] for r, found in better.items() if found}
  guessing = [rival for rival in better if rival not in told_by]
  reasons = []
  if told_by:
    first, *others = told_by.values()
    common = [what for what in first if all(what in of for of in others)]
    than = f" than {listed([*told_by])}" if guessing else ""
    by = listed(common) if common else "one measure or another"
    reasons.append(f"it is better{than} in {by}")
  if guessing:
    reasons.append(
      f"the answers of {listed(guessing)} are not told from guessing"
    )
  return f"Deploy {best} rather than {listed([*better])}: {listed(reasons)}."


def in_whole(pair: Comparison, better: Sequence[Difference]) -> list[str]:
  """Measures that are told and that are not, a sentence for each."""
  asked = [d for d in (pair.clean, pair.changed, pair.overall) if d]
  untold = [d for d in asked if d.verdict == "not told apart"]
  return [d.sentence for d in [*better, *untold]]


def in_short(
  name: str,
  found: Mapping[str, Sequence[Difference]],
  word: str,
  rivals: int = 0,
) -> list[str]:
  """By which measures a model is better, or worse, than which others.

  Args:
    name: of the model.
    found: rival -> differences that are told.
    word: "better" or "worse".
    rivals: how many other models there are; so many are not named one by one.
  """
  by_measure: dict[str, list[str]] = {}
  for rival, differences in found.items():
    for difference in differences:
      by_measure.setdefault(difference.what, []).append(rival)
  alike: dict[tuple[str, ...], list[str]] = {}
  for what, others in by_measure.items():
    alike.setdefault(tuple(others), []).append(what)
  return [
    f"{name} is {word} than "
    f"{'every other model' if 1 < len(others) == rivals else listed(others)} "
    f"in {listed(whats)}."
    for others, whats in alike.items()
  ]


def chance(better: Iterable[Sequence[Difference]]) -> list[str]:
  """How rare the least sure difference would be if there were none.

  Args:
    better: of each rival, measures by which a model is told better; the first
      one counts.
  """
  first = [found[0] for found in better if found]
  if not first:
    return []
  least = max(first, key=lambda difference: difference.p_adjusted)
  often = f"about 1 in {round(1 / least.p_adjusted):,}"
  if least.p_adjusted <= 1e-3:
    often = "fewer than 1 in 1,000"
  return [
    f"If two models were equal in {least.what}, a difference this large would "
    f"come up in {often} comparisons."
  ]


def listed(names: Sequence[str], last: str = "and") -> str:
  """A, B and C."""
  *first, end = names
  return f"{', '.join(first)} {last} {end}" if first else end
