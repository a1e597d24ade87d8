"""The adversary of spatially robust training: the worst of a few draws."""

from robust_jax import checks, losses
from robust_jax.attacks.compose import compose
from robust_jax.search.random_search import random_search
from robust_jax.types import Attack, PerturbationSet


def worst_of_k(pset: PerturbationSet, *, k: int = 10) -> Attack:
  """Draws k perturbations of each example and keeps the worst.

  A draw that is misclassified is worse than one that is not, and among equals
  the larger cross-entropy decides. The clean image is no candidate, so that
  `k=1` is random augmentation, or the random adversary, at no pass through the
  model; more draws cost one forward pass each.

  Args:
    pset: the perturbation set.
    k: draws per example.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`.

  Raises:
    ValueError: no draw.

  Source: Engstrom et al. 2019, "Exploring the Landscape of Spatial Robustness",
  "worst-of-k". Deviation: of several draws that fool, their code takes a later
  one only if its loss exceeds that of every draw before it, fooling or not.
  """
  checks.at_least_one("k", k)
  return compose(
    random_search,
    pset,
    losses.prioritize_misclassified(losses.cross_entropy),
    num_samples=k,
    clean=False,
  )
