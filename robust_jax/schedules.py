"""Schedules of the weight of an adversarial loss over a run."""

import jax.numpy as jnp

from robust_jax.types import Array

_RISE = 0.2  # fraction of the run in which the linear schedule rises


def weight_schedule(name: str, step: Array | int, num_steps: int) -> Array:
  """Computes the fraction of its final weight that a loss has at a step.

      constant:  1
      linear:    min(1, p / 0.2)
      dann:      2 / (1 + exp(-10 p)) - 1

  with p = step / num_steps. "dann" is 0.46 at a tenth of the run and 0.99 at
  half of it.

  Args:
    name: "constant", "linear" or "dann".
    step: number of completed steps; may be traced.
    num_steps: planned length of the run.

  Returns:
    A scalar in [0, 1].

  Raises:
    ValueError: there is no such schedule.

  Source: "dann" is the schedule of Ganin et al. 2016, "Domain-adversarial
  training of neural networks", section 5.2.2, with their gamma of 10.

  Example:
    >>> from robust_jax.schedules import weight_schedule
    >>> round(weight_schedule("dann", 10, 100).item(), 2)
    0.46
  """
  p = step / num_steps
  if name == "constant":
    return jnp.ones_like(p)
  if name == "linear":
    return jnp.minimum(1.0, p / _RISE)
  if name == "dann":
    return 2 / (1 + jnp.exp(-10 * p)) - 1
  raise ValueError(
    f"no schedule named '{name}': expected one of constant, linear, dann."
  )
