"""How the weight of an adversarial loss grows over a run."""

import jax.numpy as jnp

from robust_jax.types import Array

_RISE = 0.2  # of the run, of the linear ramp


def ramp(name: str, step: Array, num_steps: int) -> Array:
  """The fraction of its final weight that a loss has at a step, in [0, 1].

  With p = step / num_steps: "constant" is 1; "linear" is p / 0.2, at most 1;
  "dann" is 2 / (1 + exp(-10 p)) - 1, which is 0.46 at a tenth of the run and
  0.99 at half of it.

  Args:
    name: of the ramp.
    step: completed steps, traced: one compiled step serves the whole run.
    num_steps: planned length of the run.

  Raises:
    ValueError: there is no such ramp.

  Source: "dann" is of Ganin et al. 2016, "Domain-adversarial training of
  neural networks", section 5.2.2, with their gamma of 10.
  """
  p = step / num_steps
  if name == "constant":
    return jnp.ones_like(p)
  if name == "linear":
    return jnp.minimum(1.0, p / _RISE)
  if name == "dann":
    return 2 / (1 + jnp.exp(-10 * p)) - 1
  raise ValueError(
    f"no ramp named '{name}': expected one of constant, linear, dann."
  )
