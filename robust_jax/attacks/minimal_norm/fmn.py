"""FMN: fast minimum-norm attack in L0, L1, L2 and Linf."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._targets import DUALS, make_target
from robust_jax.attacks.standalone import standalone
from robust_jax.perturbations import balls, pixels
from robust_jax.perturbations.top_k import largest_mask
from robust_jax.types import Array, Attack, Key, Model, Norm


def fmn(
  norm: Norm = "l2",
  *,
  num_steps: int = 200,
  step_size: Array | float | None = None,
  shrink: Array | float = 0.05,
  restarts: int = 2,
  noise: Array | float = 0.2,
  targeted: bool = False,
  pixel_axes: Sequence[int] | None = None,
) -> Attack:
  """Fast minimum-norm attack (FMN): ascent in a ball of adaptive radius.

  The radius of the ball decreases after a success and increases after a
  failure; until the first success it is the distance to where the linearized
  margin is zero. The step size and the change of the radius are annealed by a
  cosine schedule, to a hundredth and a fiftieth.

  Args:
    norm: "linf", "l2", "l1" or "l0", which counts pixels.
    num_steps: number of gradient steps.
    step_size: L2 length of the first step, in input units, for any norm; by
      default 10 in Linf, whose ball is long in L2, and 1 in the others.
    shrink: relative change of the radius at first.
    restarts: number of runs; each example keeps its nearest success. The first
      run starts from x, the others from noise around it.
    noise: standard deviation of that noise, in input units.
    targeted: whether the labels are target classes.
    pixel_axes: in L0, the axes of x that one pixel spans; by default the last
      of `[B, H, W, C]`, and none of other shapes. See `pixels.resolve_axes`.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`; x itself where the attack fails, or
    x is adversarial already. Each restart makes `num_steps` forward and
    backward passes.

  Raises:
    ValueError: the norm is unknown, num_steps or restarts is not a whole
      number, 1 or more, or pixel_axes is given for another norm than L0.

  Source: Pintor et al. 2021, "Fast Minimum-norm Adversarial Attacks through
  Adaptive Norm Constraints", algorithm 1.

  Deviation: coordinates held by the box are left out of the gradient, without
  which the attack fails on many MNIST images; the margin is that of the class
  whose boundary seems nearest; the last iterate is scored; L0 counts pixels;
  the noisy starts.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import fmn
    >>> x, y = jnp.array([[0.7, 0.3]]), jnp.array([0])
    >>> attack = fmn("linf", num_steps=50, restarts=1)
    >>> x_adv = attack(jax.random.key(0), lambda x: x, x, y)
    >>> print(f"{jnp.abs(x_adv - x).max():.2f}")
    0.20
  """
  checks.norm(norm)
  checks.at_least_one("num_steps", num_steps)
  if step_size is None:
    step_size = 10.0 if norm == "linf" else 1.0
  checks.at_least_one("restarts", restarts)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    target = make_target(logits_fn, x, labels, targeted)
    target = target._replace(pixel_axes=pixel_axes)
    room = jnp.maximum(target.x, 1 - target.x)
    farthest = minimal.distance(room, norm, pixel_axes)

    def step(target, i, carry):
      delta, eps, best = carry
      cosine = (1 + jnp.cos(jnp.pi * i / num_steps)) / 2
      x_adv = target.x + delta
      margin, logits, grad = minimal.margin_and_gradient(target, x_adv)
      grad = minimal.free_gradient(x_adv, grad)
      best = minimal.update_best(best, target, x_adv, logits, norm)
      rate = shrink * (0.02 + 0.98 * cosine)
      success = target.success(logits)
      if norm == "l0":
        eps = _next_count(eps, rate, success, best.distance)
      else:
        eps = _next_radius(delta, margin, grad, eps, rate, success, best, norm)
      eps = jnp.minimum(eps, farthest)
      ahead = step_size * (0.01 + 0.99 * cosine)
      delta = tree.add(delta, ahead, tree.normalize(grad, "l2"))
      if norm == "l0":
        delta = _onto_pixels(delta, eps, pixel_axes)
      else:
        delta = balls.onto_ball(delta, eps, norm)
      return jnp.clip(target.x + delta, 0.0, 1.0) - target.x, eps, best

    def run(target, start, best):
      delta, eps = start - target.x, jnp.full(len(x), jnp.inf)
      if norm == "l0":
        eps = minimal.distance(delta, "l0", pixel_axes)
        eps = jnp.maximum(eps, 1.0)
      ascend = functools.partial(step, target)
      carry = (delta, eps, best)
      delta, _, best = jax.lax.fori_loop(0, num_steps, ascend, carry)
      logits = target.logits(target.x + delta)
      return minimal.update_best(best, target, target.x + delta, logits, norm)

    best = minimal.from_several_starts(run, key, target, norm, restarts, noise)
    return minimal.result(target, best)

  return attack


def _next_radius(delta, margin, grad, eps, rate, success, best, norm):
  slope = tree.norm(grad, DUALS[norm])
  ahead = jnp.abs(margin) / jnp.where(slope > 0, slope, 1.0)
  boundary = minimal.distance(delta, norm) + ahead
  found = jnp.isfinite(best.distance)
  missed = jnp.where(found, eps * (1 + rate), boundary)
  return jnp.where(
    success, jnp.minimum(eps * (1 - rate), best.distance), missed
  )


def _next_count(eps, rate, success, smallest):
  """Changes the number of pixels by at least one; it remains whole."""
  fewer = jnp.minimum(eps - 1, jnp.floor(eps * (1 - rate)))
  more = jnp.maximum(eps + 1, jnp.floor(eps * (1 + rate)))
  return jnp.maximum(jnp.where(success, jnp.minimum(fewer, smallest), more), 0)


def _onto_pixels(
  delta: Array, eps: Array, pixel_axes: Sequence[int] | None
) -> Array:
  """Keeps the eps largest pixels and sets the others to 0."""
  size = pixels.max_per_pixel(jnp.abs(delta), pixel_axes)
  kept = largest_mask(size.reshape(len(delta), -1), eps).reshape(size.shape)
  return jnp.where(kept, delta, 0.0)
