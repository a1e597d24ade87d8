"""Sentences of recommendations."""

from collections.abc import Iterable, Mapping, Sequence

from robust_jax.comparison.prediction_reports.words import Words
from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.risk import Risk
from robust_jax.statistics.verdict import Difference

# Number of examples from which bootstrap intervals about keep their level.
_FEW = 100
_UNLESS = {
  "horizontal_flip": " unless left and right mean something in your data"
}


def loss(name: str, risk: Risk, words: Words) -> str:
  """Returns a sentence with the overall risk of a model."""
  row, most = risk.overall.risk, risk.worst_family
  interval = f"({row.low:.1f} to {row.high:.1f} %), most under {most}."
  if not risk.labeled:
    return (
      f"Changes of the example change {row.value:.1f} % of {name}'s "
      f"predictions on average {interval}"
    )
  return (
    f"Of the {risk.clean_correct:,} {words.clean_units} that {name} "
    f"{words.is_right}{words.correctly}, changes make it lose "
    f"{row.value:.1f} % on average {interval}"
  )


def bugs(risks: Mapping[str, Risk], words: Words) -> list[str]:
  """Returns a sentence for each failed invariance test.

  Identity must not change any prediction; the others have a tolerance.
  """
  first = next(iter(risks.values()))
  happens = "become wrong" if first.labeled else "change"
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
        f"predictions {happens} for {listed(found)} of "
        f"{words.units}."
      )
  return sentences


def few_examples(risks: Mapping[str, Risk], words: Words) -> list[str]:
  """Returns a warning if there are few examples."""
  examples = next(iter(risks.values())).examples
  if examples >= _FEW:
    return []
  return [f"With only {examples} {words.units}, intervals are too narrow."]


def identical(names: Sequence[str], words: Words) -> str:
  """Returns a sentence on models with equal predictions."""
  return (
    f"{listed(names)} are identical here: they {words.identical}, clean and "
    "changed."
  )


def split(
  pair: Comparison, name: str
) -> tuple[list[Difference], list[Difference]]:
  """Returns the measures on which a model of the pair is better, and worse.

  Risks of single families count among those on which it is worse.
  """
  own, other = "A better", "B better"
  if pair.b == name:
    own, other = other, own
  found = pair.measures
  families = pair.families.values()
  return (
    without_duplicates(
      {key: d for key, d in found.items() if d.verdict == own}
    ),
    without_duplicates(
      {key: d for key, d in found.items() if d.verdict == other}
    )
    + [d for d in families if d.verdict == other],
  )


def without_duplicates(found: Mapping[str, Difference]) -> list[Difference]:
  """Omits balanced accuracies where the unbalanced one is present.

  Args:
    found: some of the `measures` of a `Comparison`.
  """
  return [
    difference
    for key, difference in found.items()
    if (of_images := key.removeprefix("balanced_")) == key
    or of_images not in found
  ]


def deploy(best: str, better: Mapping[str, Sequence[Difference]]) -> str:
  """Returns a sentence with the model to deploy and the reasons.

  Args:
    best: name of the model.
    better: other model -> measures on which `best` is better; none where the
      other one guesses.
  """
  measures = {
    other: [d.what for d in found] for other, found in better.items() if found
  }
  guessing = [other for other in better if other not in measures]
  reasons = []
  if measures:
    first, *rest = measures.values()
    common = [what for what in first if all(what in of for of in rest)]
    than = f" than {listed([*measures])}" if guessing else ""
    by = listed(common) if common else "one measure or another"
    reasons.append(f"it is better{than} in {by}")
  if guessing:
    verb = "is" if len(guessing) == 1 else "are"
    reasons.append(f"{listed(guessing)} {verb} no better than guessing")
  return f"Deploy {best} rather than {listed([*better])}: {listed(reasons)}."


def in_full(pair: Comparison, better: Sequence[Difference]) -> list[str]:
  """Returns the sentences of significant and of other differences of a pair."""
  main = [d for d in (pair.clean, pair.changed, pair.overall) if d]
  others = [d for d in main if not d.is_significant]
  return [d.sentence for d in [*better, *others]]


def in_short(
  name: str,
  found: Mapping[str, Sequence[Difference]],
  word: str,
  num_others: int = 0,
) -> list[str]:
  """Summarizes the measures on which a model is better, or worse.

  Args:
    name: name of the model.
    found: other model -> significant differences.
    word: "better" or "worse".
    num_others: number of other models; if it is all of them, they are not
      listed.
  """
  by_measure: dict[str, list[str]] = {}
  for other, differences in found.items():
    for difference in differences:
      by_measure.setdefault(difference.what, []).append(other)
  everyone = lambda others: 1 < len(others) == num_others
  alike: dict[tuple[str, ...], list[str]] = {}
  for what, others in by_measure.items():
    alike.setdefault(tuple(others), []).append(what)
  return [
    f"{name} is {word} than "
    f"{'every other model' if everyone(others) else listed(others)} "
    f"in {listed(whats)}."
    for others, whats in alike.items()
  ]


def significance(better: Iterable[Sequence[Difference]]) -> list[str]:
  """Returns a sentence on the p-value of the least certain difference.

  Args:
    better: for each other model, measures on which a model is better, of which
      the first counts.
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
    f"occur in {often} comparisons."
  ]


def listed(names: Sequence[str], last: str = "and") -> str:
  """Joins names, as in "A, B and C"."""
  *first, end = names
  return f"{', '.join(first)} {last} {end}" if first else end
