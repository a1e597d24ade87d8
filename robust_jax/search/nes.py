"""Natural evolution strategies: PGD on gradients estimated from scores."""

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
  """Steps along the linear_maximizer direction of a gradient seen by Gaussian
  probes.

  For a model that tells its scores and no gradient. It makes
  `1 + num_steps * (2 * num_samples + 1)` queries per example: the clean point,
  and for each step the probes and its result.

  Args:
    key: consumed by the probes, which all examples fraction.
    objective: x' `[B, ...]` -> `[B]`; its values are all that is used.
    pset: the perturbation set.
    x: clean inputs `[B, ...]`.
    num_steps: steps.
    num_samples: antithetic pairs of probes for each step.
    radius: standard deviation of a probe's coordinates, sigma, as a fraction of
      what one coordinate may change in the set (eps in an Linf ball, eps over
      the root of the dimension in an L2 ball).
    step_size: fraction of the radius of the set; by default `2.5 / num_steps`.
    momentum: decay of the velocity, which sums estimates of unit L1 norm.

  Raises:
    ValueError: zero steps or samples.

  Source: Ilyas, Engstrom, Athalye and Lin 2018, "Black-box Adversarial Attacks
  with Limited Queries and Information", section 2.2 and algorithm 1.
  Deviations: momentum of estimates of unit norm instead of a running average;
  the best point visited is returned, which costs a query per step; no step size
  schedule, and no targeted start.
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
