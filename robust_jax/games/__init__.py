"""Solvers of min-max problems and games over optax optimizers.

Each player minimizes its own loss over its own parameters. A solver is made by
one function, `(players, optimizers, *, ...) -> Solver`, and consists of two
pure functions, `init` and `step`. `grad_reverse.grad_reverse` plays a game of
two by one backward pass, without a solver; `schedules.set_schedule_step` keeps
learning rate schedules aligned with the steps of the run.
"""

from robust_jax.games.alternating import alternating
from robust_jax.games.consensus import consensus
from robust_jax.games.extragradient import extragradient
from robust_jax.games.optimistic import optimistic
from robust_jax.games.past_extragradient import past_extragradient
from robust_jax.games.simultaneous import simultaneous

__all__ = [
  "alternating",
  "consensus",
  "extragradient",
  "optimistic",
  "past_extragradient",
  "simultaneous",
]
