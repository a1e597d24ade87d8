"""EAD, the elastic-net attack: few coordinates, small L1 norm."""

import functools

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._carlini_wagner import smallest_weight
from robust_jax.attacks.minimal_norm._targets import target_of
from robust_jax.attacks.standalone import standalone
from robust_jax.types import Array, Attack, Key, Model


def ead(
  *,
  num_steps: int = 300,
  num_rounds: int = 9,
  step_size: Array | float = 0.01,
  beta: Array | float = 20.0,
  initial_weight: Array | float = 1.0,
  restarts: int = 2,
  noise: Array | float = 0.2,
  targeted: bool = False,
) -> Attack:
  """Minimizes `||d||_1 + ||d||_2^2 / beta + weight * shortfall(x + d)`.

  The shortfall is `max(-margin, 0)`, as a fraction of what it is at x. FISTA: a
  gradient step on the smooth part, then shrinking each coordinate of d, with
  Nesterov's momentum. Of all hits the one of least L1 norm is kept, and a
  search finds the smallest weight whose last iterate reaches the goal.

  Args:
    num_steps: steps for each weight.
    num_rounds: weights tried.
    step_size: the first; it falls to 0 with the root of the steps left.
    beta: of the L1 norm beside the square of the L2 norm. The smaller, the more
      coordinates share a change.
    initial_weight: the first weight.
    restarts: runs, each example keeping its nearest hit: the first from x, the
      others from noise around it.
    noise: its standard deviation, in input units.
    targeted: the labels are those that the adversary wants.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`; x itself where the goal is not
    reached, or already is. Each start costs `num_rounds * num_steps`
    passes backward and twice as many forward.

  Raises:
    ValueError: no steps, rounds or restarts.

  Source: Chen et al. 2018, "EAD: Elastic-Net Attacks to Deep Neural Networks
  via Adversarial Examples", algorithm 1 with the L1 decision rule. Deviations:
  d shrinks by the step size (there by beta whatever the step, so that the last
  steps undo what the first did), and beta is larger for it; the search over the
  weight is geometric and judges the last iterate, not any; the margin is that
  of the class whose boundary looks nearest; the last overshoot is taken back;
  the noisy starts.
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("num_rounds", num_rounds)
  checks.at_least_one("restarts", restarts)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    goal = target_of(logits_fn, x, labels, targeted)

    def run(goal, start, weight, best):
      def smooth(y):
        size = jnp.square(y - goal.x).reshape(len(x), -1).sum(axis=1)
        short = weight * goal.shortfall(goal.logits(y))
        return size / beta + short, None

      def step(i, carry):
        x_adv, y, best, _ = carry
        _, _, grad = minimal.gradient(smooth, y)
        size = step_size * jnp.sqrt(1 - i / num_steps)
        new = _shrink(y - size * grad, goal.x, size)
        logits = goal.logits(new)
        best = minimal.update_best(best, goal, new, logits, "l1")
        y = new + i / (i + 3) * (new - x_adv)
        return new, y, best, goal.hit(logits)

      carry = (start, start, best, jnp.zeros(len(x), bool))
      *_, best, reached = jax.lax.fori_loop(0, num_steps, step, carry)
      return best, reached

    def search(goal, start, best):
      attempt = functools.partial(run, goal, start)
      return smallest_weight(attempt, initial_weight, num_rounds, best)

    best = minimal.from_several_starts(search, key, goal, "l1", restarts, noise)
    return minimal.returned(goal, minimal.pulled_back(goal, best, "l1"))

  return attack


def _shrink(z: Array, x: Array, beta: Array | float) -> Array:
  """z with its change of x shrunk towards 0 by beta, in the box."""
  delta = z - x
  delta = jnp.sign(delta) * jnp.maximum(jnp.abs(delta) - beta, 0.0)
  return jnp.where(delta == 0, x, jnp.clip(x + delta, 0.0, 1.0))
