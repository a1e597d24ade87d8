"""Min-max problems and games of several players over optax optimizers.

Each player minimizes a loss of its own over its own parameters. A method is one
module with one function, `(players, optimizers, *, ...) -> Solver`, and a
solver two pure functions, `init` and `step`. `grad_reverse` is the game of two
that needs no solver; `set_schedule_step` keeps schedules in step with the run.
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
