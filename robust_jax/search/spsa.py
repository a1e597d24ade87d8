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
  """SPSA: ascent on gradients estimated from random sign probes.

  It needs only the values of the objective, not its gradient, and makes `1 +
  num_steps * (2 * num_samples + 1)` queries per example: the clean point, and
  for each step the probes and the resulting point.

  Args:
    key: random key, consumed by the probes, which all examples share.
    objective: x' `[B, ...]` -> `[B]`, only evaluated.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_steps: number of steps.
    num_samples: number of antithetic pairs of probes per step.
    radius: change of each coordinate in a probe (delta in the paper), as a
      fraction of what one coordinate may change in the set (eps in an Linf
      ball, eps over the root of the dimension in an L2 ball).
    step_size: fraction of the radius of the set; by default as for `pgd`.
    momentum: decay of the velocity, which sums estimates of unit L1 norm.
    direction: direction of the steps, as for `pgd`. The paper uses "adam"
      without momentum; Adam treats each coordinate by itself, which suits an
      Linf ball but not an L2 ball.

  Raises:
    ValueError: num_steps or num_samples is not a whole number, 1 or more, or
      `direction` is unknown.

  Source: Uesato, O'Donoghue, van den Oord and Kohli 2018, "Adversarial Risk and
  the Dangers of Evaluating Against Weak Attacks", section 4 and algorithm 1;
  its radius and learning rate are 0.01 at eps 8/255, with thousands of samples.

  Deviation: by default the steps are those of the set instead of Adam's;
  estimates are normalized to unit L1 norm; the best point visited is returned,
  at one query per step.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations, search
    >>> x, pset = jnp.full((2, 3), 0.5), perturbations.linf(0.25)
    >>> objective = lambda x: x.sum(axis=-1)
    >>> found = search.spsa(jax.random.key(0), objective, pset, x, num_steps=5)
    >>> bool((found.value > 2).all())  # 1.5 at x, 2.25 at most
    True
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
