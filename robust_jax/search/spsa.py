"""Simultaneous perturbation stochastic approximation (SPSA)."""

from collections.abc import Callable

import jax

from robust_jax.search._finite_differences import ascend
from robust_jax.search.steps import Direction
from robust_jax.types import Array, Key, PerturbationSet, SearchResult


def spsa(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  *,
  num_steps: int = 40,
  num_samples: int = 50,
  radius: Array | float = 0.3,
  step_size: Array | float | None = None,
  momentum: Array | float = 0.9,
  direction: Direction = "linear_maximizer",
) -> SearchResult:
  """Ascent by a gradient seen by probes that move each coordinate up or down.

  For a model that tells its scores and no gradient, or a useless one. It makes
  `1 + num_steps * (2 * num_samples + 1)` queries per example: the clean point,
  and for each step the probes and its result.

  Args:
    key: consumed by the probes, which all examples fraction.
    objective: x' `[B, ...]` -> `[B]`; its values are all that is used.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_steps: steps.
    num_samples: antithetic pairs of probes for each step.
    radius: how far a probe moves each coordinate, delta, as a fraction of what
      one coordinate may change in the set (eps in an Linf ball, eps over the
      root of the dimension in an L2 ball).
    step_size: fraction of the radius of the set; by default as for `pgd`.
    momentum: decay of the velocity, which sums estimates of unit L1 norm.
    direction: as for `pgd`. The paper's is "adam", with no momentum; it treats
      each coordinate alone, which suits an Linf ball and no L2 ball.

  Raises:
    ValueError: zero steps or samples, or another `direction`.

  Source: Uesato, O'Donoghue, van den Oord and Kohli 2018, "Adversarial Risk and
  the Dangers of Evaluating Against Weak Attacks", section 4 and algorithm 1;
  its radius and learning rate are 0.01 at eps 8/255, with thousands of samples.
  Deviations: the steps are those of the set instead of Adam's, unless asked
  for; estimates are brought to unit L1 norm; the best point visited is
  returned, which costs a query per step.
  """
  return ascend(
    key,
    objective,
    pset,
    x,
    draw=jax.random.rademacher,
    direction=direction,
    num_steps=num_steps,
    num_samples=num_samples,
    radius=radius,
    step_size=step_size,
    momentum=momentum,
  )
