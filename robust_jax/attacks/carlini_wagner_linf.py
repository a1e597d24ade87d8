"""Carlini and Wagner's attack in Linf."""

import functools

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, tree
from robust_jax.attacks import minimal
from robust_jax.attacks.standalone import standalone
from robust_jax.attacks.tanh_space import from_tanh_space, to_tanh_space
from robust_jax.types import Array, Attack, Key, LogitsFn


def carlini_wagner_linf(
  *,
  num_steps: int = 200,
  num_rounds: int = 40,
  learning_rate: Array | float = 0.03,
  initial_weight: Array | float = 1e-2,
  largest_weight: Array | float = 20.0,
  restarts: int = 2,
  noise: Array | float = 0.2,
  targeted: bool = False,
) -> Attack:
  """Minimises `sum max(|x' - x| - tau, 0) + weight * max(-margin(x'), 0)`.

  Only coordinates beyond tau are penalised, and Adam in the space of tanh does
  the rest. After a run that came nearer than any before, tau becomes 0.9 of
  the distance reached; after one that did not, the weight doubles. An example
  is done when its weight is too large or its tau below 1/256, and the rounds
  left cost nothing once all are. Each run starts at the nearest hit so far.

  Args:
    num_steps: Adam steps of each round.
    num_rounds: rounds at most.
    learning_rate: of Adam, in w; a cosine takes it to a hundredth.
    initial_weight: the first weight.
    largest_weight: beyond it an example is given up.
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
  static number of rounds; no run is given up early; the weight starts at 1e-2
  instead of 1e-5; the learning rate is annealed, without which the steps are as
  large as a small distance; the noisy starts.
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("num_rounds", num_rounds)
  checks.at_least_one("restarts", restarts)
  annealed = optax.cosine_decay_schedule(learning_rate, num_steps, alpha=0.01)
  adam = optax.adam(annealed)

  @standalone
  def attack(key: Key, logits_fn: LogitsFn, x: Array, labels: Array) -> Array:
    goal = minimal.goal_of(logits_fn, x, labels, targeted)

    def run(start, tau, weight, best):
      def loss(w):
        x_adv = from_tanh_space(w)
        logits = goal.logits(x_adv)
        short = jnp.maximum(-goal.margin(logits), 0.0)
        over = jnp.abs(x_adv - goal.x) - tree.expand(tau, x_adv)
        over = jnp.maximum(over, 0.0).reshape(len(x), -1).sum(axis=1)
        return over + weight * short, (x_adv, logits)

      def step(_, carry):
        w, state, best = carry
        _, (x_adv, logits), grad = minimal.gradient(loss, w)
        best = minimal.nearer(best, goal, x_adv, logits, jnp.inf)
        update, state = adam.update(grad, state)
        return w + update, state, best

      found = jnp.isfinite(best.distance)
      w = to_tanh_space(tree.where(found, best.x_adv, start))
      carry = (w, adam.init(w), best)
      w, _, best = jax.lax.fori_loop(0, num_steps, step, carry)
      _, (x_adv, logits) = loss(w)
      return minimal.nearer(best, goal, x_adv, logits, jnp.inf)

    def unfinished(tau, weight):
      return (weight <= largest_weight) & (tau > 1 / 256)

    def round_(start, carry):
      tau, weight, best = carry
      going = unfinished(tau, weight)
      found = run(start, tau, weight, best)
      nearer = found.distance < best.distance
      lower = 0.9 * jnp.minimum(tau, found.distance)
      after = (
        jnp.where(nearer, lower, tau),
        jnp.where(nearer, weight, 2 * weight),
        found,
      )
      return tree.where(going, after, carry)

    def search(start, best):
      attempt = functools.partial(round_, start)

      def unless_done(_, carry):
        done = ~unfinished(carry[0], carry[1]).any()
        return jax.lax.cond(done, lambda carry: carry, attempt, carry)

      weight = jnp.broadcast_to(jnp.float32(initial_weight), len(x))
      # tau of an image that is answered so as it stands is 0: it is done.
      tau = jnp.minimum(best.distance, 1.0)
      carry = (tau, weight, best)
      return jax.lax.fori_loop(0, num_rounds, unless_done, carry)[-1]

    best = minimal.from_several_starts(search, key, goal, restarts, noise)
    return minimal.returned(goal, best)

  return attack
