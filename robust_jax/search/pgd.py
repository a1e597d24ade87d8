"""Projected gradient ascent, the standard first-order adversary."""

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
  """Steps of the set along the gradient, or another direction and projection.

  One `fori_loop` over `restarts * num_steps` gradients, whose body is compiled
  once whatever their number.

  Args:
    key: consumed by the random starts.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_steps: gradient steps of each restart.
    step_size: fraction of the radius; a float, a tracer or `[B]`. By default
      `2.5 / num_steps` ("normalized": 10), to reach the far side of the set.
    momentum: decay of the velocity, which sums gradients of unit L1 norm
      (MI-FGSM); 0 is plain PGD.
    direction: "linear_maximizer" makes the steps of the set by the velocity
      (its sign in an Linf ball); "normalized" along the velocity itself, as far
      as that in Euclidean length; "adam" along Adam's update of it, a step of
      `step_size` where gradients agree and a shorter one where they do not
      (it treats each coordinate alone, which does not suit an L2 ball).
    restarts: independent runs; each example keeps its own best.
    random_start: start at `pset.sample`, or at the clean point.
    keep: "best" returns the best point visited, the clean one among them: an
      adversary for evaluation. "last" returns the best of the restarts' last
      iterates: what training recipes use, with no pass beyond the gradients
      for a caller that does not read the value of a single restart.

  Raises:
    ValueError: zero steps or restarts, or another `keep` or `direction`.

  Source: Madry et al. 2018, "Towards Deep Learning Models Resistant to
  Adversarial Attacks", section 2.1; momentum: Dong et al. 2018, eq. 6; Adam:
  Uesato et al. 2018, section 4. Deviation: Adam sees gradients of unit L1 norm.
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("restarts", restarts)
  if keep not in ("best", "last"):
    raise ValueError(f"keep = '{keep}': expected 'best' or 'last'.")
  rule = steps.along(
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
    return run(key, ascent.nothing(pset, x))[1]
  # Without a random start the clean point is the first iterate anyway.
  first = ascent.nothing(pset, x)
  if keep == "best" and random_start:
    first = ascent.score(objective, pset, x, pset.zero(x))
  keys = jax.random.split(key, restarts)
  return jax.lax.fori_loop(
    0, restarts, lambda i, best: tree.better(*run(keys[i], best)), first
  )
