"""Worst-of-k, the adversary of spatially robust training."""

from robust_jax import checks, losses
from robust_jax.attacks.compose import compose
from robust_jax.search.random_search import random_search
from robust_jax.types import Attack, PerturbationSet


def worst_of_k(pset: PerturbationSet, *, k: int = 10) -> Attack:
  """Worst-of-k: the worst of k random perturbations of each example.

  A misclassified draw is worse than one that is not; among equals the larger
  cross-entropy decides. The clean image is not a candidate, so `k=1` is random
  augmentation, without a pass through the model. More draws cost one forward
  pass each.

  Args:
    pset: the perturbation set.
    k: number of draws per example.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`.

  Raises:
    ValueError: k is not a whole number, 1 or more.

  Source: Engstrom et al. 2019, "Exploring the Landscape of Spatial Robustness",
  "worst-of-k".

  Deviation: among several misclassified draws, their code takes a later one
  only if its loss exceeds that of every earlier draw, misclassified or not.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> from robust_jax.attacks import worst_of_k
    >>> x, y, w = jnp.full((1, 3), 0.5), jnp.array([0]), jnp.eye(3)
    >>> attack = worst_of_k(perturbations.linf(0.25), k=10)
    >>> x_adv = attack(jax.random.key(0), lambda x: x @ w, x, y)
    >>> int(x_adv.argmax()) != 0  # another class
    True
  """
  checks.at_least_one("k", k)
  return compose(
    random_search,
    pset,
    losses.prioritize_misclassified(losses.cross_entropy),
    num_samples=k,
    clean=False,
  )
