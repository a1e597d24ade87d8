"""Alignment of optimizers' schedules with the steps of a run."""

import jax
import jax.numpy as jnp
import optax

from robust_jax.types import Array, PyTree


def set_schedule_step(opt_state: PyTree, step: Array | int) -> PyTree:
  """Sets the schedules of optimizers to a step of the run.

  Optax counts the updates of each optimizer. A player that moves several times
  per step, or only in a part of the run, would otherwise go through its
  schedule at the wrong pace. With this call at the start of each step, a
  schedule is ahead by no more than the moves within one step. Other counters,
  such as that of Adam's bias correction, are left alone.

  Args:
    opt_state: the state of one optimizer, or a tree of such states.
    step: an integer, 0 or more; may be traced.

  Returns:
    A new `opt_state`.

  Example:
    >>> import jax.numpy as jnp, optax
    >>> from robust_jax.games.set_schedule_step import set_schedule_step
    >>> schedule = optax.linear_schedule(1.0, 0.0, 10)
    >>> optimizer = optax.sgd(schedule)
    >>> opt_state = set_schedule_step(optimizer.init(1.0), 5)
    >>> optimizer.update(jnp.ones(()), opt_state)[0].item()
    -0.5
  """
  scheduled = lambda state: isinstance(state, optax.ScaleByScheduleState)

  def reset(state):
    if not scheduled(state):
      return state
    return state._replace(count=jnp.asarray(step, state.count.dtype))

  return jax.tree.map(reset, opt_state, is_leaf=scheduled)
