"""The smallest radius at which an attack of fixed radius succeeds."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._targets import target_of
from robust_jax.attacks.standalone import standalone
from robust_jax.types import Array, Attack, Key, Model, Norm


def bisect_eps(
  make_attack: Callable[[Array], Attack],
  norm: Norm,
  *,
  largest: Array | float,
  num_rounds: int = 10,
  targeted: bool = False,
  pixel_axes: Sequence[int] | None = None,
) -> Attack:
  """Bisects the radius of another attack, for each example its own.

      attack = bisect_eps(
        lambda eps: compose(search.pgd, perturbations.linf(eps), losses.margin),
        "linf", largest=1.0)

  The first attempt is at `largest`. After a hit the radius falls, after a miss
  it rises. The upper end is the nearest hit on the way to the one found, so
  that a large first radius costs no more rounds. One compiled program.

  Args:
    make_attack: eps `[B]` -> an attack whose changes have at most that norm.
    norm: how changes are measured; "l0" counts pixels.
    largest: radius of the first attempt; a float, a tracer or `[B]`.
    num_rounds: attempts; the answer is within `largest / 2^(num_rounds - 1)`
      of what the attack can do.
    targeted: the labels are those that the adversary wants. The attack that
      `make_attack` makes must want them too.
    pixel_axes: in L0, the axes of x that one pixel spans; see
      `pixels.resolve_axes`.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, the nearest hit; x itself where
    there was none, or x is one.

  Raises:
    ValueError: no such norm, or no rounds.
  """
  checks.norm(norm)
  checks.at_least_one("num_rounds", num_rounds)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    goal = target_of(logits_fn, x, labels, targeted)
    goal = goal._replace(pixel_axes=pixel_axes)
    keys = jax.random.split(key, num_rounds)

    def attempt(i, carry):
      eps, low, best = carry
      x_adv = make_attack(eps)(keys[i], logits_fn, x, labels)
      x_adv = x_adv.astype(jnp.float32)
      logits = goal.logits(x_adv)
      best = minimal.update_best(best, goal, x_adv, logits, norm)
      best = minimal.pulled_back(goal, best, norm)
      low = jnp.where(goal.hit(logits), low, jnp.maximum(low, eps))
      # Without a hit yet there is nowhere to go but to the largest again.
      high = jnp.minimum(best.distance, largest)
      return (low + high) / 2, low, best

    best = minimal.clean(goal)
    eps = jnp.broadcast_to(jnp.asarray(largest, jnp.float32), len(x))
    start = (eps, jnp.zeros(len(x)), best)
    best = jax.lax.fori_loop(0, num_rounds, attempt, start)[-1]
    return minimal.returned(goal, best)

  return attack
