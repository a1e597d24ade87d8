"""Box-constrained L-BFGS attack of Szegedy et al."""

import jax
import jax.numpy as jnp

from robust_jax import checks, losses
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._box_quasi_newton import minimize_in_box
from robust_jax.attacks.minimal_norm._carlini_wagner import smallest_weight
from robust_jax.attacks.minimal_norm._targets import make_target
from robust_jax.attacks.standalone import standalone
from robust_jax.types import Array, Attack, Key, Model

# The gap between the scaled clean logits of the prediction and the target.
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
  """Box-constrained L-BFGS attack, the first attack on neural networks.

      minimize  ||x' - x||_2^2 + weight * J(x', l')  over x' in [0, 1]

  J is the cross-entropy of the target class l'. A search finds the smallest
  weight whose minimizer succeeds, which corresponds to the largest c of `c |x'
  - x| + J` in the paper. All examples run in one compiled program of projected
  L-BFGS.

  Args:
    num_steps: number of quasi-Newton steps per weight.
    num_rounds: number of weights tried.
    num_targets: if untargeted, number of classes tried as l', those with the
      nearest boundaries first; all of them if there are fewer.
    initial_weight: first weight.
    memory: number of stored pairs of steps and gradient changes.
    restarts: number of runs; each example keeps its nearest success. The first
      run starts from x, the others from noise around it.
    noise: standard deviation of that noise, in input units.
    targeted: whether the labels are target classes.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`; x itself where the attack fails, or
    x is adversarial already. Each restart makes at most `num_targets *
    num_rounds * num_steps` backward passes, and more forward passes.

  Raises:
    ValueError: num_steps, num_rounds, num_targets, memory or restarts is not a
      whole number, 1 or more.

  Source: Szegedy et al. 2014, "Intriguing properties of neural networks",
  section 4.1.

  Deviation: the squared L2 norm, which is smooth at x; both lead through the
  same points as the weight changes, those that are nearest for their J. J is
  computed from logits scaled such that x is 10 away from the target, so that it
  hardly depends on classes that are not near. Any misclassification counts as a
  success, not only l'; the result is bisected back to the boundary; the noisy
  starts.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import lbfgs
    >>> attack = lbfgs(num_steps=10, num_rounds=5, restarts=1)
    >>> x, y = jnp.array([[0.7, 0.3]]), jnp.array([0])
    >>> x_adv = attack(jax.random.key(0), lambda x: x, x, y)
    >>> print(f"{jnp.linalg.norm(x_adv - x):.2f}")  # 0.4 / sqrt(2)
    0.28
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("num_rounds", num_rounds)
  checks.at_least_one("num_targets", num_targets)
  checks.at_least_one("memory", memory)
  checks.at_least_one("restarts", restarts)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    target = make_target(logits_fn, x, labels, targeted)

    def towards_class(target, start, expected, best):
      sharpness = _SHARPNESS / target.clean_gap

      def run(weight, best):
        def loss(x_adv):
          logits = target.logits(x_adv)
          size = jnp.square(x_adv - target.x).reshape(len(x), -1).sum(axis=1)
          sharp = sharpness[:, None] * logits
          misses = losses.cross_entropy(sharp, expected)
          return size + weight * misses, logits

        def visit(visited, x_adv, logits):
          best = minimal.update_best(visited[0], target, x_adv, logits, "l2")
          return best, target.success(logits)

        visited = (best, jnp.zeros(len(x), bool))
        return minimize_in_box(loss, start, visit, visited, num_steps, memory)

      return smallest_weight(run, initial_weight, num_rounds, best)

    def search(target, start, best):
      expected = labels[:, None]
      if not targeted:
        expected = target.nearest_classes(target.clean_logits, num_targets)

      def attempt(i, best):
        return towards_class(target, start, expected[:, i], best)

      return jax.lax.fori_loop(0, expected.shape[1], attempt, best)

    return minimal.nearest_at_boundary(
      search, key, target, "l2", restarts, noise
    )

  return attack
