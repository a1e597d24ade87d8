"""Sigma-zero: few changed pixels, by a smooth surrogate of the L0 norm."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, tree
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._targets import make_target
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
  """Sigma-zero: minimizes a smooth surrogate of the L0 norm by Adam.

      shortfall(x + d) + mean_i d_i^2 / (d_i^2 + sigma)

  The shortfall is `max(-margin, 0)` as a fraction of its value at x. Gradients
  have unit Linf norm. After each step, changes below a threshold become 0; the
  threshold increases after a success and decreases otherwise. A cosine schedule
  anneals the step size (to a tenth) and the rate of the threshold.

  Args:
    num_steps: number of Adam steps.
    step_size: first learning rate.
    sigma: smoothing of the L0 norm; a change of sqrt(sigma) contributes 1/2.
    threshold: first threshold, in input units.
    threshold_rate: change of the threshold per step, times the learning rate.
    restarts: number of runs; each example keeps its nearest success. The first
      run starts from x, the others from noise around it.
    noise: standard deviation of that noise, in input units.
    targeted: whether the labels are target classes.
    pixel_axes: the axes of x that one pixel spans; by default the last of `[B,
      H, W, C]`, and none of other shapes. See `pixels.resolve_axes`.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`; x itself where the attack fails, or
    x is adversarial already. Each restart makes `num_steps` forward and
    backward passes.

  Raises:
    ValueError: num_steps or restarts is not a whole number, 1 or more.

  Source: Cina et al. 2024, "Sigma-zero: Gradient-based Optimization of L0-norm
  Adversarial Examples", algorithm 1.

  Deviation: all channels of a pixel are one change; the margin is relative, and
  that of the class whose boundary seems nearest; the last iterate is scored;
  the targeted form; the noisy starts.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import sigma_zero
    >>> model = lambda x: x @ jnp.eye(4)[:, :2]
    >>> x, y = jnp.array([[0.7, 0.3, 0.5, 0.5]]), jnp.array([0])
    >>> attack = sigma_zero(num_steps=100, restarts=1)
    >>> x_adv = attack(jax.random.key(0), model, x, y)
    >>> int((x_adv != x).sum())  # one of the two coordinates suffices
    1
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("restarts", restarts)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    target = make_target(logits_fn, x, labels, targeted)
    target = target._replace(pixel_axes=pixel_axes)
    adam = optax.scale_by_adam()

    def loss(target, delta):
      logits = target.logits(target.x + delta)
      return target.shortfall(logits) + _soft_fraction(
        delta, sigma, pixel_axes
      ), logits

    def step(target, i, carry):
      delta, state, tau, best = carry
      _, logits, grad = minimal.value_and_gradient(
        functools.partial(loss, target), delta
      )
      best = minimal.update_best(best, target, target.x + delta, logits, "l0")
      update, state = adam.update(tree.normalize(grad, "linf"), state)
      cosine = (1 + jnp.cos(jnp.pi * i / num_steps)) / 2
      rate = step_size * (0.1 + 0.9 * cosine)
      delta = jnp.clip(target.x + delta - rate * update, 0.0, 1.0) - target.x
      change = threshold_rate * rate
      tau = tau + jnp.where(target.success(logits), change, -change)
      tau = jnp.clip(tau, 0.0, 1.0)
      size = pixels.max_per_pixel(jnp.abs(delta), pixel_axes)
      small = size < tree.expand(tau, delta)
      return jnp.where(small, 0.0, delta), state, tau, best

    def run(target, start, best):
      delta = start - target.x
      tau = jnp.broadcast_to(jnp.float32(threshold), len(x))
      carry = (delta, adam.init(delta), tau, best)
      delta, _, _, best = jax.lax.fori_loop(
        0, num_steps, functools.partial(step, target), carry
      )
      logits = target.logits(target.x + delta)
      return minimal.update_best(best, target, target.x + delta, logits, "l0")

    best = minimal.from_several_starts(run, key, target, "l0", restarts, noise)
    return minimal.result(target, best)

  return attack


def _soft_fraction(
  delta: Array, sigma: Array | float, pixel_axes: Sequence[int] | None
) -> Array:
  """Smooth fraction of changed pixels, `[B]`."""
  square = pixels.sum_per_pixel(jnp.square(delta), pixel_axes)
  return (square / (square + sigma)).reshape(len(delta), -1).mean(axis=1)
