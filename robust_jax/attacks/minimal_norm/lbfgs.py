"""The box-constrained L-BFGS attack, the first of all."""

import jax
import jax.numpy as jnp

from robust_jax import checks, losses
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._box_quasi_newton import minimize_in_box
from robust_jax.attacks.minimal_norm._carlini_wagner import smallest_weight
from robust_jax.attacks.minimal_norm._targets import target_of
from robust_jax.attacks.standalone import standalone
from robust_jax.types import Array, Attack, Key, Model

# The gap between the clean logits of answer and goal, once they are scaled.
_SHARPNESS = 10.0


def lbfgs(
  *,
  num_steps: int = 30,
  num_rounds: int = 10,
  num_targets: int = 1,
  initial_weight: Array | float = 1e-2,
  memory: int = 10,
  restarts: int = 2,
  noise: Array | float = 0.2,
  targeted: bool = False,
) -> Attack:
  """Minimizes `||x' - x||^2 + weight * J(x', l')` over x' in [0, 1].

  J is the cross-entropy of the expected class l'. A search finds the smallest
  weight whose minimum is a hit, which is the largest c of `c |x' - x| + J`.
  Projected L-BFGS, all examples in one compiled program.

  Args:
    num_steps: quasi-Newton steps for each weight.
    num_rounds: weights tried.
    num_targets: without a target, how many classes are tried as l', those
      whose boundaries look nearest first. All, if there are fewer.
    initial_weight: the first weight.
    memory: pairs of steps and gradient changes remembered.
    restarts: runs, each example keeping its nearest hit: the first from x, the
      others from noise around it.
    noise: its standard deviation, in input units.
    targeted: the labels are those that the adversary wants.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`; x itself where the goal is not
    reached, or already is. Each start costs at most `num_targets *
    num_rounds * num_steps` passes backward, and more forward.

  Raises:
    ValueError: no steps, rounds, targets, memory or restarts.

  Source: Szegedy et al. 2014, "Intriguing properties of neural networks",
  section 4.1. Deviations: the square of the L2 norm, which is smooth at x; both
  lead through the same points as the weight changes, those that are nearest
  for their J. J is taken of logits scaled so that x is 10 away from the goal:
  it then hardly hears of classes that are not near. Any wrong answer counts,
  not only l'; the last overshoot is taken back; the noisy starts.
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("num_rounds", num_rounds)
  checks.at_least_one("num_targets", num_targets)
  checks.at_least_one("memory", memory)
  checks.at_least_one("restarts", restarts)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    goal = target_of(logits_fn, x, labels, targeted)

    def towards(goal, start, expected, best):
      sharpness = _SHARPNESS / goal.clean_gap

      def run(weight, best):
        def loss(x_adv):
          logits = goal.logits(x_adv)
          size = jnp.square(x_adv - goal.x).reshape(len(x), -1).sum(axis=1)
          sharp = sharpness[:, None] * logits
          misses = losses.cross_entropy(sharp, expected)
          return size + weight * misses, logits

        def visit(seen, x_adv, logits):
          best = minimal.update_best(seen[0], goal, x_adv, logits, "l2")
          return best, goal.hit(logits)

        seen = (best, jnp.zeros(len(x), bool))
        return minimize_in_box(loss, start, visit, seen, num_steps, memory)

      return smallest_weight(run, initial_weight, num_rounds, best)

    def search(goal, start, best):
      expected = labels[:, None]
      if not targeted:
        expected = goal.nearest_classes(goal.clean_logits, num_targets)

      def attempt(i, best):
        return towards(goal, start, expected[:, i], best)

      return jax.lax.fori_loop(0, expected.shape[1], attempt, best)

    best = minimal.from_several_starts(search, key, goal, "l2", restarts, noise)
    return minimal.returned(goal, minimal.pulled_back(goal, best, "l2"))

  return attack
