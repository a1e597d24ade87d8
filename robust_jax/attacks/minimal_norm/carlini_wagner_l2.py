"""Carlini and Wagner's attack (C&W) in L2."""

import functools

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._carlini_wagner import (
  from_tanh_space,
  smallest_weight,
  to_tanh_space,
)
from robust_jax.attacks.minimal_norm._targets import make_target
from robust_jax.attacks.standalone import standalone
from robust_jax.types import Array, Attack, Key, Model


def carlini_wagner_l2(
  *,
  num_steps: int = 300,
  num_rounds: int = 9,
  learning_rate: Array | float = 0.05,
  initial_weight: Array | float = 1.0,
  restarts: int = 2,
  noise: Array | float = 0.2,
  targeted: bool = False,
) -> Attack:
  """Carlini and Wagner's L2 attack (C&W): minimizes distance and loss by Adam.

      ||x' - x||_2^2 + weight * shortfall(x'),    x' = (tanh(w) + 1) / 2

  The shortfall is `max(-margin, 0)` as a fraction of its value at x. The change
  of variables to w makes a projection onto the box unnecessary. A search finds
  the smallest weight whose last iterate succeeds.

  Args:
    num_steps: number of Adam steps per weight.
    num_rounds: number of weights tried.
    learning_rate: learning rate of Adam, in w; a cosine schedule reduces it to
      a hundredth.
    initial_weight: first weight.
    restarts: number of runs; each example keeps its nearest success. The first
      run starts from x, the others from noise around it.
    noise: standard deviation of that noise, in input units.
    targeted: whether the labels are target classes.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`; x itself where the attack fails, or
    x is adversarial already. Each restart makes `num_rounds * num_steps`
    forward and backward passes.

  Raises:
    ValueError: num_steps, num_rounds or restarts is not a whole number, 1 or
      more.

  Source: Carlini and Wagner 2017, "Towards Evaluating the Robustness of Neural
  Networks", section VI.A, with f_6 and confidence 0.

  Deviation: the search over the weight is geometric and depends on the last
  iterate; the authors' code accepts any iterate, and points that Adam only
  passes through make too small weights look sufficient. The learning rate is
  annealed; no run ends early; the margin is relative, and that of the class
  whose boundary seems nearest; the result is bisected back to the boundary; the
  noisy starts.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import carlini_wagner_l2
    >>> attack = carlini_wagner_l2(num_steps=50, num_rounds=3, restarts=1)
    >>> x, y = jnp.array([[0.7, 0.3]]), jnp.array([0])
    >>> x_adv = attack(jax.random.key(0), lambda x: x, x, y)
    >>> print(f"{jnp.linalg.norm(x_adv - x):.2f}")  # 0.4 / sqrt(2)
    0.28
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("num_rounds", num_rounds)
  checks.at_least_one("restarts", restarts)
  annealed = optax.cosine_decay_schedule(learning_rate, num_steps, alpha=0.01)
  adam = optax.adam(annealed)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    target = make_target(logits_fn, x, labels, targeted)

    def run(target, start, weight, best):
      def loss(w):
        x_adv = from_tanh_space(w)
        logits = target.logits(x_adv)
        size = jnp.square(x_adv - target.x).reshape(len(x), -1).sum(axis=1)
        return size + weight * target.shortfall(logits), (x_adv, logits)

      def step(_, carry):
        w, state, best = carry
        _, (x_adv, logits), grad = minimal.value_and_gradient(loss, w)
        best = minimal.update_best(best, target, x_adv, logits, "l2")
        update, state = adam.update(grad, state)
        return w + update, state, best

      w = to_tanh_space(start)
      carry = (w, adam.init(w), best)
      w, _, best = jax.lax.fori_loop(0, num_steps, step, carry)
      _, (x_adv, logits) = loss(w)
      best = minimal.update_best(best, target, x_adv, logits, "l2")
      return best, target.success(logits)

    def search(target, start, best):
      attempt = functools.partial(run, target, start)
      return smallest_weight(attempt, initial_weight, num_rounds, best)

    return minimal.nearest_at_boundary(
      search, key, target, "l2", restarts, noise
    )

  return attack
