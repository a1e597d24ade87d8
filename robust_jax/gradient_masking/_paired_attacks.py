"""Paired comparisons of attacks, of which one should not be weaker.

All comparisons are on the same images. On each image on which exactly one of
the two attacks succeeds, the stronger attack should succeed with a probability
of at least one half. If it succeeds on few of many such images, this is not
explained by the random starts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import scipy.special

from robust_jax.gradient_masking._probes import Probes
from robust_jax.gradient_masking._verdicts import Finding, Verdict
from robust_jax.types import AnyArray

# Probability that the stronger of two attacks does this badly by chance.
_SIGNIFICANT = 1e-3
# Fractions of the images.
_FEW = 0.01
_UNCONVERGED = 0.05

_OVERSTATED = "PGD alone over-states robustness here; count both attacks."


class _Baseline(NamedTuple):
  """An attack that PGD is compared with."""

  name: str
  title: str
  meaning: str
  allowed: float = _FEW  # fraction of images on which it may do better


_BASELINES = (
  _Baseline(
    "one_step",
    "one gradient step",
    "Many small steps fail where a large one succeeds: a sign of masking, or "
    "of training on single steps (catastrophic overfitting).",
  ),
  _Baseline("random_draws", "random sampling", "Gradients are masked."),
  _Baseline("black_box", "a search without gradients", "Gradients are masked."),
  _Baseline("transfer", "an attack on the surrogate", "Gradients are masked."),
  # It is somewhat better on models without masking, too.
  _Baseline("margin", "PGD on the margin", "The loss saturates.", 0.2),
)


def compare_with_baselines(
  probes: Probes, radii: Sequence[float]
) -> list[Finding]:
  """Compares PGD with attacks that it should beat, each at its worst radius."""
  return [
    _against_pgd(baseline, probes, radii)
    for baseline in _BASELINES
    if baseline.name in probes.misclassified
  ]


def larger_radius(probes: Probes, radii: Sequence[float]) -> Finding:
  """Checks that accuracy does not rise with eps: larger sets contain more."""
  misclassified = probes.misclassified["pgd"]
  at, verdict, counts = _worst(misclassified[:-1], misclassified[1:])
  measured = {"eps": float(radii[at]), "larger_eps": float(radii[at + 1])}
  measured |= counts | {
    f"accuracy at {eps:g}": float(1 - row.mean())
    for eps, row in zip(radii, misclassified, strict=True)
  }
  if verdict == "ok":
    sentence = "Accuracy under PGD falls as eps grows."
    return Finding("larger_radius", verdict, measured, sentence)
  return Finding(
    "larger_radius",
    verdict,
    measured,
    f"PGD succeeds on {counts['only_weaker']} of {counts['images']} images at "
    f"eps = {radii[at]:g} but not at {radii[at + 1]:g}, and on "
    f"{counts['only_stronger']} the other way round, although the larger set "
    "contains the smaller: the search fails. Robust accuracy at the larger "
    "radius is over-stated.",
  )


def more_steps(probes: Probes, radii: Sequence[float]) -> Finding:
  """Checks that twice the steps, from the same start, find little more."""
  fewer, more = (
    probes.misclassified["half_steps"],
    probes.misclassified["first_run"],
  )
  at, verdict, counts = _worst(fewer, more)
  if verdict != "ok":
    return Finding(
      "more_steps",
      verdict,
      {"eps": float(radii[at])} | counts,
      f"At eps = {radii[at]:g} half the steps, from the same start, succeed on "
      f"{counts['only_weaker']} of {counts['images']} images on which all of "
      "them fail, which is impossible unless the model's outputs are random.",
    )
  what = "the second half of the steps"
  return _converged("more_steps", "num_steps", what, fewer, more, radii)


def more_restarts(probes: Probes, radii: Sequence[float]) -> Finding:
  """Checks that the runs after the first find little more."""
  first, every = probes.misclassified["first_run"], probes.misclassified["pgd"]
  what = "every run after the first"
  return _converged("more_restarts", "restarts", what, first, every, radii)


def _against_pgd(baseline, probes, radii):
  at, verdict, counts = _worst(
    probes.misclassified[baseline.name],
    probes.misclassified["pgd"],
    baseline.allowed,
  )
  measured = {"eps": float(radii[at])} | counts
  if verdict == "ok":
    sentence = (
      f"Of {counts['images']} images {baseline.title} succeeds on at most "
      f"{counts['only_weaker']} on which PGD fails, at any eps."
    )
    return Finding(baseline.name, verdict, measured, sentence)
  meaning = baseline.meaning + " " if verdict == "fail" else ""
  return Finding(
    baseline.name,
    verdict,
    measured,
    f"At eps = {radii[at]:g} {baseline.title} succeeds on "
    f"{counts['only_weaker']} of {counts['images']} images on which PGD fails, "
    f"and PGD on {counts['only_stronger']} on which it fails. "
    f"{meaning}{_OVERSTATED}",
  )


def _converged(name, setting, what, less, more, radii):
  gains = (more & ~less).mean(axis=1)
  at = int(gains.argmax())
  measured = {"eps": float(radii[at]), "gain": float(gains[at])}
  if gains[at] <= _UNCONVERGED:
    sentence = f"PGD has converged: {what} adds few successes."
    return Finding(name, "ok", measured, sentence)
  return Finding(
    name,
    "warning",
    measured,
    f"PGD has not converged: at eps = {radii[at]:g} {what} adds "
    f"{gains[at]:.1%} of the images. Raise {setting}.",
  )


def _worst(
  weaker: AnyArray, stronger: AnyArray, allowed: float = _FEW
) -> tuple[int, Verdict, dict[str, float]]:
  """Index of the radius, verdict and counts where `stronger` does worst.

  Args:
    weaker: `[E, N]`, the images on which the weaker attack succeeds.
    stronger: `[E, N]`, those of the attack that should not do worse.
    allowed: fraction of the images on which only `weaker` may succeed; a single
      image is always allowed.
  """
  images = weaker.shape[1]
  found = []
  for at, (weak, strong) in enumerate(zip(weaker, stronger, strict=True)):
    only_weaker = int((weak & ~strong).sum())
    only_stronger = int((strong & ~weak).sum())
    # P(as many or more of the discordant images) with probability 1/2 each.
    chance = float(
      scipy.special.bdtrc(only_weaker - 1, only_weaker + only_stronger, 0.5)
    )
    counts = {
      "images": images,
      "only_weaker": only_weaker,
      "only_stronger": only_stronger,
      "chance": chance,
    }
    many = only_weaker > max(1, allowed * images)
    failed = many and chance < _SIGNIFICANT
    found.append((failed, many, only_weaker, -at, counts))
  failed, many, _, minus_at, counts = max(found, key=lambda f: f[:4])
  verdict: Verdict = "fail" if failed else "warning" if many else "ok"
  return -minus_at, verdict, counts
