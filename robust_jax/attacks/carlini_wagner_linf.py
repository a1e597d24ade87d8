"""Carlini and Wagner's attack in Linf."""

import functools

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, tree
from robust_jax.attacks import minimal
from robust_jax.attacks.goals import goal_of
from robust_jax.attacks.standalone import standalone
from robust_jax.attacks.tanh_space import from_tanh_space, to_tanh_space
from robust_jax.types import Array, Attack, Key, LogitsFn

# Distance reached over a tau that cannot be.
_CLOSE = 1.01


def carlini_wagner_linf(
  *,
  num_steps: int = 200,
  num_rounds: int = 20,
  learning_rate: Array | float = 0.03,
  weight: Array | float = 1.0,
  restarts: int = 2,
  noise: Array | float = 0.2,
  targeted: bool = False,
) -> Attack:
  """Minimises `sum max(|x' - x| - tau, 0) + weight * shortfall(x')`.

  The shortfall is `max(-margin, 0)`, relative; only coordinates beyond tau are
  penalised, and Adam in the space of tanh does the rest. The tau of a run that
  comes no nearer than those before is too small, and the next is half-way
  between the largest one that was and the distance reached. An example is done
  when the two are within a hundredth, and the rounds left cost nothing once all
  are. Each run starts at the nearest hit so far.

  Args:
    num_steps: Adam steps of each round.
    num_rounds: rounds at most.
    learning_rate: of Adam, in w; a cosine takes it to a hundredth.
    weight: of the shortfall; of 1 its gradient at x is as large on average as
      that of the penalty.
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
  class whose boundary looks nearest, and relative; so its weight may be fixed,
  where theirs doubles from 1e-5; tau is bisected, where theirs shrinks by a
  tenth until it is not reached, or 1/256; the learning rate
  is annealed, and at most tau, without which the steps are as large as a small
  distance; the last overshoot is taken back; the noisy starts.
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("num_rounds", num_rounds)
  checks.at_least_one("restarts", restarts)
  annealed = optax.cosine_decay_schedule(learning_rate, num_steps, alpha=0.01)
  adam = optax.adam(annealed)

  @standalone
  def attack(key: Key, logits_fn: LogitsFn, x: Array, labels: Array) -> Array:
    goal = goal_of(logits_fn, x, labels, targeted, jnp.inf)
    # By which the shortfall has, at x, a gradient whose mean entry is 1.
    unit = goal.clean_reach * (x.size // len(x))

    def run(start, tau, best):
      def loss(w):
        x_adv = from_tanh_space(w)
        logits = goal.logits(x_adv)
        over = jnp.abs(x_adv - goal.x) - tree.expand(tau, x_adv)
        over = jnp.maximum(over, 0.0).reshape(len(x), -1).sum(axis=1)
        return over + weight * unit * goal.shortfall(logits), (x_adv, logits)

      def step(_, carry):
        w, state, best = carry
        _, (x_adv, logits), grad = minimal.gradient(loss, w)
        best = minimal.nearer(best, goal, x_adv, logits, jnp.inf)
        update, state = adam.update(grad, state)
        # Steps are no longer than half of tau.
        short = jnp.minimum(1.0, tau / learning_rate)
        return tree.add(w, short, update), state, best

      found = jnp.isfinite(best.distance)
      w = to_tanh_space(tree.where(found, best.x_adv, start))
      carry = (w, adam.init(w), best)
      w, _, best = jax.lax.fori_loop(0, num_steps, step, carry)
      _, (x_adv, logits) = loss(w)
      return minimal.nearer(best, goal, x_adv, logits, jnp.inf)

    def unfinished(carry):
      low, *_, best = carry
      return best.distance > _CLOSE * low

    def round_(start, carry):
      low, tau, best = carry
      found = run(start, tau, best)
      # No hit at all, even without a limit: it is given up.
      failed = jnp.where(jnp.isinf(found.distance), jnp.inf, tau)
      low = jnp.where(found.distance < best.distance, low, failed)
      after = low, (low + found.distance) / 2, found
      return tree.where(unfinished(carry), after, carry)

    def search(start, best):
      attempt = functools.partial(round_, start)

      def unless_done(_, carry):
        done = ~unfinished(carry).any()
        return jax.lax.cond(done, lambda carry: carry, attempt, carry)

      # tau of an image that is answered so as it stands is 0: it is done.
      tau = jnp.minimum(best.distance, 1.0)
      carry = (jnp.zeros(len(x)), tau, best)
      return jax.lax.fori_loop(0, num_rounds, unless_done, carry)[-1]

    best = minimal.from_several_starts(search, key, goal, restarts, noise)
    return minimal.returned(goal, minimal.pulled_back(goal, best, jnp.inf))

  return attack
