"""Natural evolution strategies (NES): ascent on estimated gradients."""

from collections.abc import Callable

import jax

from robust_jax.search._finite_differences import ascend
from robust_jax.types import Array, Key, PerturbationSet, SearchResult


def nes(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  *,
  num_steps: int = 40,
  num_samples: int = 50,
  radius: Array | float = 0.1,
  step_size: Array | float | None = None,
  momentum: Array | float = 0.9,
) -> SearchResult:
  """Natural evolution strategies (NES): PGD on gradients from Gaussian probes.

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
    radius: standard deviation sigma of each coordinate of a probe, as a
      fraction of what one coordinate may change in the set (eps in an Linf
      ball, eps over the root of the dimension in an L2 ball).
    step_size: fraction of the radius of the set; by default `2.5 / num_steps`.
    momentum: decay of the velocity, which sums estimates of unit L1 norm.

  Raises:
    ValueError: num_steps or num_samples is not a whole number, 1 or more.

  Source: Ilyas, Engstrom, Athalye and Lin 2018, "Black-box Adversarial Attacks
  with Limited Queries and Information", section 2.2 and algorithm 1.

  Deviation: momentum sums estimates of unit norm instead of averaging them; the
  best point visited is returned, at one query per step; there is no step size
  schedule and no targeted start.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations, search
    >>> x, pset = jnp.full((2, 3), 0.5), perturbations.linf(0.25)
    >>> objective = lambda x: x.sum(axis=-1)
    >>> found = search.nes(jax.random.key(0), objective, pset, x, num_steps=5)
    >>> bool((found.value > 2).all())  # 1.5 at x, 2.25 at most
    True
  """
  return ascend(
    key,
    objective,
    pset,
    x,
    draw=jax.random.normal,
    direction="linear_maximizer",
    num_steps=num_steps,
    num_samples=num_samples,
    radius=radius,
    step_size=step_size,
    momentum=momentum,
  )
