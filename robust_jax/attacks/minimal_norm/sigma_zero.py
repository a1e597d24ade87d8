"""Sigma-zero: few changed pixels, by a smooth stand-in for the L0 norm."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, tree
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._targets import target_of
from robust_jax.attacks.standalone import standalone
from robust_jax.perturbations import pixels
from robust_jax.types import Array, Attack, Key, Model


def sigma_zero(
  *,
  num_steps: int = 500,
  step_size: Array | float = 1.0,
  sigma: Array | float = 1e-3,
  threshold: Array | float = 0.3,
  threshold_rate: Array | float = 0.01,
  restarts: int = 2,
  noise: Array | float = 0.2,
  targeted: bool = False,
  pixel_axes: Sequence[int] | None = None,
) -> Attack:
  """Minimizes `shortfall + mean of d^2 / (d^2 + sigma)` by Adam.

  The shortfall is `max(-margin, 0)`, as a fraction of what it is at x.
  Gradients are of unit Linf norm. After each step changes below a threshold
  become 0; it rises where the step before was a hit, and falls elsewhere. Step
  size (to a tenth) and threshold's rate are annealed by a cosine.

  Args:
    num_steps: Adam steps.
    step_size: the first learning rate.
    sigma: a change of its root counts half.
    threshold: the first, in input units.
    threshold_rate: its change per step, times the learning rate.
    restarts: runs, each example keeping its nearest hit: the first from x, the
      others from noise around it.
    noise: its standard deviation, in input units.
    targeted: the labels are those that the adversary wants.
    pixel_axes: the axes of x that one pixel spans; by default the last of
      `[B, H, W, C]`, and none of other shapes. See `pixels.resolve_axes`.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`; x itself where the goal is not
    reached, or already is. Each start costs `num_steps` passes
    forward and backward.

  Raises:
    ValueError: no steps or no restarts.

  Source: Cina et al. 2024, "Sigma-zero: Gradient-based Optimization of L0-norm
  Adversarial Examples", algorithm 1. Deviations: all channels of a pixel
  are one change; the margin is relative, and that of the class
  whose boundary looks nearest; the last iterate is scored; the targeted form;
  the noisy starts.
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("restarts", restarts)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    goal = target_of(logits_fn, x, labels, targeted)
    goal = goal._replace(pixel_axes=pixel_axes)
    adam = optax.scale_by_adam()

    def loss(goal, delta):
      logits = goal.logits(goal.x + delta)
      return goal.shortfall(logits) + _soft_fraction(
        delta, sigma, pixel_axes
      ), logits

    def step(goal, i, carry):
      delta, state, tau, best = carry
      _, logits, grad = minimal.gradient(functools.partial(loss, goal), delta)
      best = minimal.update_best(best, goal, goal.x + delta, logits, "l0")
      update, state = adam.update(tree.normalize(grad, "linf"), state)
      cosine = (1 + jnp.cos(jnp.pi * i / num_steps)) / 2
      rate = step_size * (0.1 + 0.9 * cosine)
      delta = jnp.clip(goal.x + delta - rate * update, 0.0, 1.0) - goal.x
      change = threshold_rate * rate
      tau = tau + jnp.where(goal.hit(logits), change, -change)
      tau = jnp.clip(tau, 0.0, 1.0)
      size = pixels.max_per_pixel(jnp.abs(delta), pixel_axes)
      small = size < tree.expand(tau, delta)
      return jnp.where(small, 0.0, delta), state, tau, best

    def run(goal, start, best):
      delta = start - goal.x
      tau = jnp.broadcast_to(jnp.float32(threshold), len(x))
      carry = (delta, adam.init(delta), tau, best)
      delta, _, _, best = jax.lax.fori_loop(
        0, num_steps, functools.partial(step, goal), carry
      )
      logits = goal.logits(goal.x + delta)
      return minimal.update_best(best, goal, goal.x + delta, logits, "l0")

    best = minimal.from_several_starts(run, key, goal, "l0", restarts, noise)
    return minimal.returned(goal, best)

  return attack


def _soft_fraction(
  delta: Array, sigma: Array | float, pixel_axes: Sequence[int] | None
) -> Array:
  """The fraction of changed pixels, smoothly, `[B]`."""
  square = pixels.sum_per_pixel(jnp.square(delta), pixel_axes)
  return (square / (square + sigma)).reshape(len(delta), -1).mean(axis=1)
