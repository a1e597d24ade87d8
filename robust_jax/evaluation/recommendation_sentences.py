"""What a recommendation says, sentence by sentence."""

from collections.abc import Mapping, Sequence

from robust_jax.statistics.compare_risks import Comparison
from robust_jax.statistics.risk import Risk

# Times what guessing gets right.
_BARELY = 1.5
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


def weaknesses(risks: Mapping[str, Risk], num_classes: int) -> list[str]:
  """What makes all of it worth less: models that guess, and few images."""
  sentences = [
    f"{name} answers {risk.clean_accuracy:.1f} % of clean images right, where "
    f"guessing would be right about {100 / num_classes:.1f} %: what it does "
    "not know it cannot lose, and its risk says little."
    for name, risk in risks.items()
    if risk.clean_accuracy is not None
    and risk.clean_accuracy < _BARELY * 100 / num_classes
  ]
  images = next(iter(risks.values())).images
  if images < _FEW:
    sentences.append(
      f"{images} images are few: intervals of so few are too narrow."
    )
  return sentences


def break_even(clean_better: str, other: str, risks: Mapping[str, Risk]) -> str:
  """From which share of degraded images on the other model is right more often.

  Args:
    clean_better: the model that is right more often about clean images, and
      less often about changed ones.
    other: the other one.
    risks: of both.
  """
  pair = risks[clean_better], risks[other]
  clean = [risk.clean_accuracy for risk in pair]
  degraded = [risk.overall.accuracy for risk in pair]
  gained, lost = clean[0] - clean[1], degraded[1] - degraded[0]
  share = 100 * gained / (gained + lost)
  return (
    f"{clean_better} answers more clean images right ({clean[0]:.1f} % against "
    f"{clean[1]:.1f} %), {other} more of the changed ones "
    f"({degraded[1]:.1f} % against {degraded[0]:.1f} %). Deploy {other} if "
    f"more than about {share:.0f} % of your images are degraded like those "
    f"here, else {clean_better}."
  )


def unresolved(pair: Comparison) -> str:
  """Two models that were not told apart, and how many images might do it."""
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


def chance(p_value: float) -> str:
  """How rare the difference would be if there were none."""
  often = f"about 1 in {round(1 / p_value):,}"
  if p_value <= 1e-3:
    often = "fewer than 1 in 1,000"
  return (
    "If the models were equally good, a difference this large would come up "
    f"in {often} comparisons."
  )


def listed(names: Sequence[str]) -> str:
  """A, B and C."""
  *first, last = names
  return f"{', '.join(first)} and {last}" if first else last


def _rounded(number):
  """To two digits."""
  digits = max(0, len(str(int(number))) - 2)
  return f"{round(number / 10**digits) * 10**digits:,}"
