"""Projected gradient ascent (PGD), the standard first-order adversary."""

from collections.abc import Callable
from typing import Literal

import jax

from robust_jax import checks, tree
from robust_jax.search import ascent, steps
from robust_jax.types import Array, Key, PerturbationSet, SearchResult


def pgd(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  *,
  num_steps: int = 40,
  step_size: Array | float | None = None,
  momentum: Array | float = 0.0,
  direction: steps.Direction = "linear_maximizer",
  restarts: int = 1,
  random_start: bool = True,
  keep: Literal["best", "last"] = "best",
) -> SearchResult:
  """Projected gradient ascent (PGD): repeated steps along the gradient.

  One `fori_loop` computes `restarts * num_steps` gradients; its body is
  compiled once, whatever their number.

  Args:
    key: random key, consumed by the random starts.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_steps: number of gradient steps of each restart.
    step_size: fraction of the radius; a float, a tracer or `[B]`. By default
      `2.5 / num_steps` (10 / num_steps for "normalized"), enough to reach the
      far side of the set.
    momentum: decay of the velocity, which sums gradients of unit L1 norm
      (MI-FGSM); 0 is plain PGD.
    direction: "linear_maximizer" makes the steps of the set along the velocity
      (its sign in an Linf ball). "normalized" moves along the velocity itself,
      by the same Euclidean length. "adam" moves along Adam's update of it: by
      `step_size` where gradients agree, by less where they do not. Adam treats
      each coordinate by itself, which does not suit an L2 ball.
    restarts: number of independent runs; each example keeps its best.
    random_start: whether to start at `pset.sample`, otherwise at the clean
      point.
    keep: "best" returns the best point visited, the clean one included, as
      needed for evaluation. "last" returns the best of the restarts' last
      iterates, as in training recipes; with one restart whose value is not
      used, it makes no pass beyond the gradients.

  Raises:
    ValueError: num_steps or restarts is not a whole number, 1 or more, or
      `keep` or `direction` is unknown.

  Source: Madry et al. 2018, "Towards Deep Learning Models Resistant to
  Adversarial Attacks", section 2.1; momentum: Dong et al. 2018, eq. 6; Adam:
  Uesato et al. 2018, section 4.

  Deviation: Adam sees gradients of unit L1 norm.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations, search
    >>> x, pset = jnp.full((2, 3), 0.5), perturbations.linf(0.25)
    >>> objective = lambda x: x.sum(axis=-1)
    >>> found = search.pgd(jax.random.key(0), objective, pset, x, num_steps=3)
    >>> print(found.value.round(3))
    [2.25 2.25]
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("restarts", restarts)
  if keep not in ("best", "last"):
    raise ValueError(f"keep = '{keep}': expected 'best' or 'last'.")
  rule = steps.make_rule(
    direction,
    pset,
    x,
    num_steps=num_steps,
    step_size=step_size,
    momentum=momentum,
  )

  def step(_, carry):
    delta, memory, best = carry
    here, grad = ascent.score_and_gradient(objective, pset, x, delta)
    if keep == "best":
      best = tree.better(best, here)
    return *rule.move(delta, grad, memory), best

  def run(key, best):
    clean = pset.zero(x)
    start = pset.sample(key, x) if random_start else clean
    delta, _, best = jax.lax.fori_loop(
      0, num_steps, step, (start, rule.init(clean), best)
    )
    return best, ascent.score(objective, pset, x, delta)

  if keep == "last" and restarts == 1:
    return run(key, ascent.empty_result(pset, x))[1]
  # Without a random start the clean point is the first iterate anyway.
  first = ascent.empty_result(pset, x)
  if keep == "best" and random_start:
    first = ascent.score(objective, pset, x, pset.zero(x))
  keys = jax.random.split(key, restarts)
  return jax.lax.fori_loop(
    0, restarts, lambda i, best: tree.better(*run(keys[i], best)), first
  )
