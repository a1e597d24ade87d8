"""Carlini and Wagner's attack (C&W) in Linf."""

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
from robust_jax.attacks.minimal_norm._targets import make_target
from robust_jax.attacks.standalone import standalone
from robust_jax.types import Array, Attack, Key, Model

# The search ends when tau is this fraction of the distance reached, and fails.
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
  """Carlini and Wagner's Linf attack (C&W): penalizes changes beyond tau.

      sum_i max(|x'_i - x_i| - tau, 0) + weight * max(-margin(x'), 0)

  It is minimized by Adam in tanh space. The margin has a gradient of unit size,
  so its weight needs no search. After a run that came nearer than those before,
  tau becomes half of the distance reached; after each run that did not, the
  reduction is halved. An example is done when tau is within a hundredth of the
  distance, and the remaining rounds cost nothing once all are. Each run starts
  at the nearest success so far.

  Args:
    num_steps: number of Adam steps per round.
    num_rounds: largest number of rounds.
    learning_rate: learning rate of Adam, in w; a cosine schedule reduces it to
      a hundredth.
    weight: weight of the margin's gradient, whose mean absolute entry is 1, as
      that of the penalty is.
    restarts: number of runs; each example keeps its nearest success. The first
      run starts from x, the others from noise around it.
    noise: standard deviation of that noise, in input units.
    targeted: whether the labels are target classes.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`; x itself where the attack fails, or
    x is adversarial already. Each restart makes at most `num_rounds *
    num_steps` forward and backward passes.

  Raises:
    ValueError: num_steps, num_rounds or restarts is not a whole number, 1 or
      more.

  Source: Carlini and Wagner 2017, section VI.C, and their code.

  Deviation: a static number of rounds; no run ends early; the margin is that of
  the class whose boundary seems nearest, with a gradient of unit size, where
  their weight doubles from 1e-5; tau is reduced by half, and then by less and
  less, where theirs is reduced by a tenth until the attack fails, or tau is
  below 1/256; the learning rate is annealed, and at most tau, since steps would
  otherwise be as large as a small distance; the result is bisected back to the
  boundary; the noisy starts.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import carlini_wagner_linf
    >>> attack = carlini_wagner_linf(num_steps=50, restarts=1)
    >>> x, y = jnp.array([[0.7, 0.3]]), jnp.array([0])
    >>> x_adv = attack(jax.random.key(0), lambda x: x, x, y)
    >>> print(f"{jnp.abs(x_adv - x).max():.2f}")
    0.20
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("num_rounds", num_rounds)
  checks.at_least_one("restarts", restarts)
  annealed = optax.cosine_decay_schedule(learning_rate, num_steps, alpha=0.01)
  adam = optax.adam(annealed)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    target = make_target(logits_fn, x, labels, targeted)
    num_coordinates = x.size // len(x)

    def run(target, start, tau, best):
      def step(_, carry):
        w, state, best = carry
        x_adv = from_tanh_space(w)
        margin, logits, ascent = minimal.margin_and_gradient(target, x_adv)
        best = minimal.update_best(best, target, x_adv, logits, "linf")
        change = x_adv - target.x
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
      return minimal.update_best(
        best, target, x_adv, target.logits(x_adv), "linf"
      )

    def unfinished(carry):
      shrink, best = carry
      return (shrink < _CLOSE) & (best.distance > 0)

    def round_(target, start, carry):
      shrink, best = carry
      tau = jnp.minimum(shrink * best.distance, 1.0)
      found = run(target, start, tau, best)
      nearer = found.distance < best.distance
      # Without any success, even with tau = 1, the example is given up.
      less = jnp.where(jnp.isinf(found.distance), 1.0, (1 + shrink) / 2)
      after = jnp.where(nearer, shrink, less), found
      return tree.where(unfinished(carry), after, carry)

    def search(target, start, best):
      attempt = functools.partial(round_, target, start)

      def unless_done(_, carry):
        done = ~unfinished(carry).any()
        return jax.lax.cond(done, lambda carry: carry, attempt, carry)

      carry = (jnp.full(len(x), 0.5), best)
      return jax.lax.fori_loop(0, num_rounds, unless_done, carry)[-1]

    return minimal.nearest_at_boundary(
      search, key, target, "linf", restarts, noise
    )

  return attack
