"""Schedules that follow the steps of a run, not the moves of a player."""

import jax
import jax.numpy as jnp
import optax

from robust_jax.types import Array, PyTree


def set_schedule_step(opt_state: PyTree, step: Array | int) -> PyTree:
  """The state of optimizers, their schedules set to a step of the run.

  Optax counts the updates of an optimizer. A player that moves several times in
  a step, or in a part of the run alone, would otherwise go through its schedule
  at another pace than the one it was stretched to. Set at the start of each
  step, a schedule is ahead by no more than the moves within one. What else is
  counted, such as Adam's bias corrections, counts on.

  Args:
    opt_state: of one optimizer, or a tree of such states.
    step: whole, 0 or more; may be traced.
  """
  scheduled = lambda state: isinstance(state, optax.ScaleByScheduleState)

  def reset(state):
    if not scheduled(state):
      return state
    return state._replace(count=jnp.asarray(step, state.count.dtype))

  return jax.tree.map(reset, opt_state, is_leaf=scheduled)
