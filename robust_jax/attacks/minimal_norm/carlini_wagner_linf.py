"""Carlini and Wagner's attack in Linf."""

import functools

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, tree
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._carlini_wagner import (
  from_tanh_space,
  slope_of_tanh,
  to_tanh_space,
)
from robust_jax.attacks.minimal_norm._targets import target_of
from robust_jax.attacks.standalone import standalone
from robust_jax.types import Array, Attack, Key, Model

# A tau that is this much of a distance reached, and is not, ends the search.
_CLOSE = 0.99


def carlini_wagner_linf(
  *,
  num_steps: int = 200,
  num_rounds: int = 20,
  learning_rate: Array | float = 0.03,
  weight: Array | float = 0.1,
  restarts: int = 2,
  noise: Array | float = 0.2,
  targeted: bool = False,
) -> Attack:
  """Minimizes `sum max(|x' - x| - tau, 0) + weight * max(-margin(x'), 0)`.

  Only coordinates beyond tau are penalized, and Adam in the space of tanh does
  the rest. The margin counts with a gradient of unit size, so that its weight
  needs no search. After a run that came nearer than those before, tau becomes
  half of the distance reached; after each one that did not, it becomes half as
  much less than that. An example is done when it is within a hundredth, and the
  rounds left cost nothing once all are. Each run starts at the nearest hit so
  far.

  Args:
    num_steps: Adam steps of each round.
    num_rounds: rounds at most.
    learning_rate: of Adam, in w; a cosine takes it to a hundredth.
    weight: of the margin's gradient, whose mean entry has size 1, as that of
      the penalty has.
    restarts: runs, each example keeping its nearest hit: the first from x, the
      others from noise around it.
    noise: its standard deviation, in input units.
    targeted: the labels are those that the adversary wants.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`; x itself where the goal is not
    reached, or already is. Each start costs at most `num_rounds *
    num_steps` passes forward and backward.

  Raises:
    ValueError: no steps, rounds or restarts.

  Source: Carlini and Wagner 2017, section VI.C, and their code. Deviations: a
  static number of rounds; no run is given up early; the margin is that of the
  class whose boundary looks nearest, and its gradient of unit size, where their
  weight doubles from 1e-5; tau shrinks by half, and then by less and less,
  where theirs does by a tenth until it is not reached, or 1/256; the learning
  rate is annealed, and at most tau, without which the steps are as large as a
  small distance; the last overshoot is taken back; the noisy starts.
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("num_rounds", num_rounds)
  checks.at_least_one("restarts", restarts)
  annealed = optax.cosine_decay_schedule(learning_rate, num_steps, alpha=0.01)
  adam = optax.adam(annealed)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    goal = target_of(logits_fn, x, labels, targeted)
    num_coordinates = x.size // len(x)

    def run(goal, start, tau, best):
      def step(_, carry):
        w, state, best = carry
        x_adv = from_tanh_space(w)
        margin, logits, ascent = minimal.ascend_margin(goal, x_adv)
        best = minimal.update_best(best, goal, x_adv, logits, "linf")
        change = x_adv - goal.x
        beyond = jnp.abs(change) > tree.expand(tau, change)
        grad = jnp.where(beyond, jnp.sign(change), 0.0)
        pull = jnp.where(margin < 0, -weight * num_coordinates, 0.0)
        grad = tree.add(grad, pull, tree.normalize(ascent, "l1"))
        grad = grad * slope_of_tanh(w)
        update, state = adam.update(grad, state)
        # Steps are no longer than half of tau.
        short = jnp.minimum(1.0, tau / learning_rate)
        return tree.add(w, short, update), state, best

      found = jnp.isfinite(best.distance)
      w = to_tanh_space(tree.where(found, best.x_adv, start))
      carry = (w, adam.init(w), best)
      w, _, best = jax.lax.fori_loop(0, num_steps, step, carry)
      x_adv = from_tanh_space(w)
      return minimal.update_best(best, goal, x_adv, goal.logits(x_adv), "linf")

    def unfinished(carry):
      shrink, best = carry
      return (shrink < _CLOSE) & (best.distance > 0)

    def round_(goal, start, carry):
      shrink, best = carry
      tau = jnp.minimum(shrink * best.distance, 1.0)
      found = run(goal, start, tau, best)
      nearer = found.distance < best.distance
      # No hit at all, even without a limit: it is given up.
      less = jnp.where(jnp.isinf(found.distance), 1.0, (1 + shrink) / 2)
      after = jnp.where(nearer, shrink, less), found
      return tree.where(unfinished(carry), after, carry)

    def search(goal, start, best):
      attempt = functools.partial(round_, goal, start)

      def unless_done(_, carry):
        done = ~unfinished(carry).any()
        return jax.lax.cond(done, lambda carry: carry, attempt, carry)

      carry = (jnp.full(len(x), 0.5), best)
      return jax.lax.fori_loop(0, num_rounds, unless_done, carry)[-1]

    best = minimal.from_several_starts(
      search, key, goal, "linf", restarts, noise
    )
    return minimal.returned(goal, minimal.pulled_back(goal, best, "linf"))

  return attack
