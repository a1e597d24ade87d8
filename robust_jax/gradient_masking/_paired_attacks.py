"""Two attacks on the same images, of which one must not do worse.

Every comparison is paired: of the images that only one of the two fools, the
attack that ought to be stronger has at least an even chance on each. So if it
gets few of many, that is no accident of the random starts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.special

from robust_jax.gradient_masking._probes import Probes
from robust_jax.gradient_masking._verdicts import Finding

# Chance that the stronger of two attacks looks this bad by accident.
_SIGNIFICANT = 1e-3
# Fractions of the images.
_FEW = 0.01
_UNCONVERGED = 0.05

_OVERSTATED = "PGD alone over-states robustness here; count both attacks."


class _Rival(NamedTuple):
  """An attack that PGD is held against."""

  name: str
  title: str
  meaning: str
  least: float = _FEW  # fraction of the images up to which it may do better


_RIVALS = (
  _Rival(
    "one_step",
    "one gradient step",
    "Many small steps lose what a large one finds: a sign of masking, or of "
    "training on single steps (catastrophic overfitting).",
  ),
  _Rival("random_draws", "random sampling", "Gradients are masked."),
  _Rival("black_box", "a search without gradients", "Gradients are masked."),
  _Rival("transfer", "an attack on the surrogate", "Gradients are masked."),
  # Somewhat better it is on honest models too: it knows what it is after.
  _Rival("margin", "PGD on the margin", "The loss saturates.", 0.2),
)


def rivals(probes: Probes, radii: Sequence[float]) -> list[Finding]:
  """PGD against attacks that it should beat, each at its worst radius."""
  return [
    _against_pgd(rival, probes, radii)
    for rival in _RIVALS
    if rival.name in probes.fooled
  ]


def larger_radius(probes: Probes, radii: Sequence[float]) -> Finding:
  """Whether accuracy never rises with eps: sets of larger radius hold more."""
  fooled = probes.fooled["pgd"]
  at, verdict, counts = _worst(fooled[:-1], fooled[1:])
  measured = {"eps": float(radii[at]), "larger_eps": float(radii[at + 1])}
  measured |= counts | {
    f"accuracy at {eps:g}": float(1 - row.mean())
    for eps, row in zip(radii, fooled, strict=True)
  }
  if verdict == "ok":
    sentence = "Accuracy under PGD falls as eps grows."
    return Finding("larger_radius", verdict, measured, sentence)
  return Finding(
    "larger_radius",
    verdict,
    measured,
    f"PGD at eps = {radii[at]:g} fools {counts['only_weaker']} of "
    f"{counts['images']} images that it does not fool at {radii[at + 1]:g}, "
    f"{counts['only_stronger']} the other way round, though the larger set "
    "holds the smaller: the search fails, not the images. Robust accuracy at "
    "the larger radius is over-stated.",
  )


def more_steps(probes: Probes, radii: Sequence[float]) -> Finding:
  """Whether twice the steps, from the same start, find as much and no more."""
  fewer, more = probes.fooled["half_steps"], probes.fooled["first_run"]
  at, verdict, counts = _worst(fewer, more)
  if verdict != "ok":
    return Finding(
      "more_steps",
      verdict,
      {"eps": float(radii[at])} | counts,
      f"At eps = {radii[at]:g} half the steps, from the same start, fool "
      f"{counts['only_weaker']} of {counts['images']} images that all of them "
      "do not, which cannot be unless the model's answers are random.",
    )
  what = "the second half of the steps"
  return _converged("more_steps", "num_steps", what, fewer, more, radii)


def more_restarts(probes: Probes, radii: Sequence[float]) -> Finding:
  """Whether runs after the first still find much."""
  first, every = probes.fooled["first_run"], probes.fooled["pgd"]
  what = "every run after the first"
  return _converged("more_restarts", "restarts", what, first, every, radii)


def _against_pgd(rival, probes, radii):
  at, verdict, counts = _worst(
    probes.fooled[rival.name], probes.fooled["pgd"], rival.least
  )
  measured = {"eps": float(radii[at])} | counts
  if verdict == "ok":
    sentence = (
      f"Of {counts['images']} images {rival.title} fools at most "
      f"{counts['only_weaker']} that PGD does not, at any eps."
    )
    return Finding(rival.name, verdict, measured, sentence)
  meaning = rival.meaning + " " if verdict == "fail" else ""
  return Finding(
    rival.name,
    verdict,
    measured,
    f"At eps = {radii[at]:g} {rival.title} fools {counts['only_weaker']} of "
    f"{counts['images']} images that PGD does not, PGD "
    f"{counts['only_stronger']} that it does not. {meaning}{_OVERSTATED}",
  )


def _converged(name, setting, what, less, more, radii):
  gains = (more & ~less).mean(axis=1)
  at = int(gains.argmax())
  measured = {"eps": float(radii[at]), "gain": float(gains[at])}
  if gains[at] <= _UNCONVERGED:
    sentence = f"PGD has converged: {what} fools few images more."
    return Finding(name, "ok", measured, sentence)
  return Finding(
    name,
    "warning",
    measured,
    f"PGD has not converged: at eps = {radii[at]:g} {what} fools another "
    f"{gains[at]:.1%} of the images. Raise {setting}.",
  )


def _worst(
  weaker: np.ndarray, stronger: np.ndarray, least: float = _FEW
) -> tuple[int, str, dict[str, float]]:
  """(index of the radius, verdict, counts) where `stronger` does worst.

  Args:
    weaker: `[E, N]`, which images are fooled.
    stronger: `[E, N]`, by the attack that should do no worse.
    least: fraction of the images that `weaker` alone may fool; one image it
      may.
  """
  images = weaker.shape[1]
  found = []
  for at, (weak, strong) in enumerate(zip(weaker, stronger, strict=True)):
    only_weaker = int((weak & ~strong).sum())
    only_stronger = int((strong & ~weak).sum())
    # P(as many or more of the discordant images) at an even chance.
    chance = float(
      scipy.special.bdtrc(only_weaker - 1, only_weaker + only_stronger, 0.5)
    )
    counts = {
      "images": images,
      "only_weaker": only_weaker,
      "only_stronger": only_stronger,
      "chance": chance,
    }
    many = only_weaker > max(1, least * images)
    failed = many and chance < _SIGNIFICANT
    found.append((failed, many, only_weaker, -at, counts))
  failed, many, _, minus_at, counts = max(found, key=lambda f: f[:4])
  return -minus_at, ("fail" if failed else "warning" if many else "ok"), counts
