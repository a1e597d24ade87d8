"""Minimal radii of fixed-radius attacks, by bisection."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._targets import make_target
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
  """Bisects the radius of another attack, separately for each example.

  The first attempt is at `largest`. The radius decreases after a success and
  increases after a failure. The upper bound is the nearest success on the path
  to the one found, so a large first radius costs no additional rounds. The
  attack is one compiled program.

  Args:
    make_attack: eps `[B]` -> an attack whose changes have at most that norm.
    norm: norm of the changes; "l0" counts pixels.
    largest: radius of the first attempt; a float, a tracer or `[B]`.
    num_rounds: number of attempts. The result is within `largest /
      2^(num_rounds - 1)` of the smallest radius at which the attack succeeds.
    targeted: whether the labels are target classes; the attacks of
      `make_attack` must treat them likewise.
    pixel_axes: in L0, the axes of x that one pixel spans; see
      `pixels.resolve_axes`.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, the nearest success; x itself where
    there is none, or where x is a success.

  Raises:
    ValueError: the norm is unknown, or num_rounds is not a whole number, 1 or
      more.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import losses, perturbations, search
    >>> from robust_jax.attacks import bisect_eps, compose
    >>> make = lambda eps: compose(
    ...   search.fgsm, perturbations.linf(eps), losses.margin
    ... )
    >>> attack = bisect_eps(make, "linf", largest=1.0)
    >>> x, y = jnp.array([[0.7, 0.3]]), jnp.array([0])  # 0.2 from the boundary
    >>> x_adv = attack(jax.random.key(0), lambda x: x, x, y)
    >>> bool(0.2 < jnp.abs(x_adv - x).max() < 0.21)
    True
  """
  checks.norm(norm)
  checks.at_least_one("num_rounds", num_rounds)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    target = make_target(logits_fn, x, labels, targeted)
    target = target._replace(pixel_axes=pixel_axes)
    keys = jax.random.split(key, num_rounds)

    def attempt(i, carry):
      eps, low, best = carry
      x_adv = make_attack(eps)(keys[i], logits_fn, x, labels)
      x_adv = x_adv.astype(jnp.float32)
      logits = target.logits(x_adv)
      best = minimal.update_best(best, target, x_adv, logits, norm)
      best = minimal.bisect_to_boundary(target, best, norm)
      low = jnp.where(target.success(logits), low, jnp.maximum(low, eps))
      # Before the first success the largest radius is tried again.
      high = jnp.minimum(best.distance, largest)
      return (low + high) / 2, low, best

    best = minimal.initial_best(target)
    eps = jnp.broadcast_to(jnp.asarray(largest, jnp.float32), len(x))
    start = (eps, jnp.zeros(len(x)), best)
    best = jax.lax.fori_loop(0, num_rounds, attempt, start)[-1]
    return minimal.result(target, best)

  return attack
