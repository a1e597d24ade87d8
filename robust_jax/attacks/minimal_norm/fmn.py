"""FMN, fast minimum-norm attacks in L0, L1, L2 and Linf."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._targets import DUALS, target_of
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
  """Ascends the margin inside a ball whose radius follows the boundary.

  A hit shrinks the ball, a miss grows it; until the first hit the radius is
  where the linearized margin is zero. Step size and change of the radius are
  annealed by a cosine, to a hundredth and a fiftieth.

  Args:
    norm: "linf", "l2", "l1" or "l0", which counts pixels.
    num_steps: gradient steps.
    step_size: L2 length of the first step, in input units, for any norm; by
      default 10 in Linf, whose ball is long in L2, and 1 in the others.
    shrink: relative change of the radius at first.
    restarts: runs, each example keeping its nearest hit: the first from x, the
      others from noise around it.
    noise: its standard deviation, in input units.
    targeted: the labels are those that the adversary wants.
    pixel_axes: in L0, the axes of x that one pixel spans; by default the last
      of `[B, H, W, C]`, and none of other shapes. See `pixels.resolve_axes`.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`; x itself where the goal is not
    reached, or already is. Each start costs `num_steps` passes
    forward and backward.

  Raises:
    ValueError: another norm, no steps or no restarts, or pixel_axes in another
      norm than L0.

  Source: Pintor et al. 2021, "Fast Minimum-norm Adversarial Attacks through
  Adaptive Norm Constraints", algorithm 1. Deviations: coordinates that the box
  holds are left out of the gradient, without which many MNIST images are never
  fooled; the margin is that of the class whose boundary looks nearest; the last
  iterate is scored; L0 counts pixels; the noisy starts.
  """
  checks.norm(norm)
  checks.at_least_one("num_steps", num_steps)
  if step_size is None:
    step_size = 10.0 if norm == "linf" else 1.0
  checks.at_least_one("restarts", restarts)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    goal = target_of(logits_fn, x, labels, targeted)
    goal = goal._replace(pixel_axes=pixel_axes)
    room = jnp.maximum(goal.x, 1 - goal.x)
    farthest = minimal.distance(room, norm, pixel_axes)

    def step(goal, i, carry):
      delta, eps, best = carry
      cosine = (1 + jnp.cos(jnp.pi * i / num_steps)) / 2
      x_adv = goal.x + delta
      margin, logits, grad = minimal.ascend_margin(goal, x_adv)
      grad = minimal.free(x_adv, grad)
      best = minimal.update_best(best, goal, x_adv, logits, norm)
      rate = shrink * (0.02 + 0.98 * cosine)
      hit = goal.hit(logits)
      if norm == "l0":
        eps = _next_count(eps, rate, hit, best.distance)
      else:
        eps = _next_radius(delta, margin, grad, eps, rate, hit, best, norm)
      eps = jnp.minimum(eps, farthest)
      ahead = step_size * (0.01 + 0.99 * cosine)
      delta = tree.add(delta, ahead, tree.normalize(grad, "l2"))
      if norm == "l0":
        delta = _onto_pixels(delta, eps, pixel_axes)
      else:
        delta = balls.onto_ball(delta, eps, norm)
      return jnp.clip(goal.x + delta, 0.0, 1.0) - goal.x, eps, best

    def run(goal, start, best):
      delta, eps = start - goal.x, jnp.full(len(x), jnp.inf)
      if norm == "l0":
        eps = minimal.distance(delta, "l0", pixel_axes)
        eps = jnp.maximum(eps, 1.0)
      ascend = functools.partial(step, goal)
      carry = (delta, eps, best)
      delta, _, best = jax.lax.fori_loop(0, num_steps, ascend, carry)
      logits = goal.logits(goal.x + delta)
      return minimal.update_best(best, goal, goal.x + delta, logits, norm)

    best = minimal.from_several_starts(run, key, goal, norm, restarts, noise)
    return minimal.returned(goal, best)

  return attack


def _next_radius(delta, margin, grad, eps, rate, hit, best, norm):
  slope = tree.norm(grad, DUALS[norm])
  ahead = jnp.abs(margin) / jnp.where(slope > 0, slope, 1.0)
  boundary = minimal.distance(delta, norm) + ahead
  found = jnp.isfinite(best.distance)
  missed = jnp.where(found, eps * (1 + rate), boundary)
  return jnp.where(hit, jnp.minimum(eps * (1 - rate), best.distance), missed)


def _next_count(eps, rate, hit, smallest):
  """The number of pixels changes by one at least, and stays whole."""
  fewer = jnp.minimum(eps - 1, jnp.floor(eps * (1 - rate)))
  more = jnp.maximum(eps + 1, jnp.floor(eps * (1 + rate)))
  return jnp.maximum(jnp.where(hit, jnp.minimum(fewer, smallest), more), 0)


def _onto_pixels(
  delta: Array, eps: Array, pixel_axes: Sequence[int] | None
) -> Array:
  """The largest pixels, as many as eps says, 0 elsewhere."""
  size = pixels.max_per_pixel(jnp.abs(delta), pixel_axes)
  kept = largest_mask(size.reshape(len(delta), -1), eps).reshape(size.shape)
  return jnp.where(kept, delta, 0.0)
