"""EAD: elastic-net attack, with few changed coordinates and small L1 norm."""

import functools

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._carlini_wagner import smallest_weight
from robust_jax.attacks.minimal_norm._targets import make_target
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
  """EAD, elastic-net attack: minimizes L1 and L2 norms together by FISTA.

      ||d||_1 + ||d||_2^2 / beta + weight * shortfall(x + d)

  The shortfall is `max(-margin, 0)` as a fraction of its value at x. Each step
  of FISTA is a gradient step on the smooth part followed by shrinkage of each
  coordinate of d, with Nesterov momentum. The success with the smallest L1 norm
  is kept, and a search finds the smallest weight whose last iterate succeeds.

  Args:
    num_steps: number of steps per weight.
    num_rounds: number of weights tried.
    step_size: first step size; it decreases to 0 with the square root of the
      remaining steps.
    beta: weight of the L1 norm relative to the squared L2 norm. Smaller values
      spread a change over more coordinates.
    initial_weight: first weight.
    restarts: number of runs; each example keeps its nearest success. The first
      run starts from x, the others from noise around it.
    noise: standard deviation of that noise, in input units.
    targeted: whether the labels are target classes.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`; x itself where the attack fails, or
    x is adversarial already. Each restart makes `num_rounds * num_steps`
    backward passes and twice as many forward passes.

  Raises:
    ValueError: num_steps, num_rounds or restarts is not a whole number, 1 or
      more.

  Source: Chen et al. 2018, "EAD: Elastic-Net Attacks to Deep Neural Networks
  via Adversarial Examples", algorithm 1 with the L1 decision rule.

  Deviation: d shrinks by the step size (in the paper by beta whatever the step,
  so that the last steps undo the first), and beta is larger for that reason;
  the search over the weight is geometric and depends on the last iterate
  instead of any; the margin is that of the class whose boundary seems nearest;
  the result is bisected back to the boundary; the noisy starts.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import ead
    >>> attack = ead(num_steps=50, num_rounds=3, restarts=1)
    >>> x, y = jnp.array([[0.7, 0.3]]), jnp.array([0])
    >>> x_adv = attack(jax.random.key(0), lambda x: x, x, y)
    >>> print(f"{jnp.abs(x_adv - x).sum():.2f}")
    0.40
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("num_rounds", num_rounds)
  checks.at_least_one("restarts", restarts)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    target = make_target(logits_fn, x, labels, targeted)

    def run(target, start, weight, best):
      def smooth(y):
        size = jnp.square(y - target.x).reshape(len(x), -1).sum(axis=1)
        short = weight * target.shortfall(target.logits(y))
        return size / beta + short, None

      def step(i, carry):
        x_adv, y, best, _ = carry
        _, _, grad = minimal.value_and_gradient(smooth, y)
        size = step_size * jnp.sqrt(1 - i / num_steps)
        new = _shrink(y - size * grad, target.x, size)
        logits = target.logits(new)
        best = minimal.update_best(best, target, new, logits, "l1")
        y = new + i / (i + 3) * (new - x_adv)
        return new, y, best, target.success(logits)

      carry = (start, start, best, jnp.zeros(len(x), bool))
      *_, best, reached = jax.lax.fori_loop(0, num_steps, step, carry)
      return best, reached

    def search(target, start, best):
      attempt = functools.partial(run, target, start)
      return smallest_weight(attempt, initial_weight, num_rounds, best)

    return minimal.nearest_at_boundary(
      search, key, target, "l1", restarts, noise
    )

  return attack


def _shrink(z: Array, x: Array, beta: Array | float) -> Array:
  """Shrinks the change `z - x` towards 0 by beta, within the box."""
  delta = z - x
  delta = jnp.sign(delta) * jnp.maximum(jnp.abs(delta) - beta, 0.0)
  return jnp.where(delta == 0, x, jnp.clip(x + delta, 0.0, 1.0))
