"""The nearest success so far, and starting points, of minimal-norm attacks."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.attacks.minimal_norm._targets import Target, with_slopes
from robust_jax.perturbations import balls, pixels
from robust_jax.types import Array, Key, Norm

# Standard deviation, in input units, of the first of some displacements.
_FIRST_NOISE = 0.01
_NUM_NOISES = 6
_NUM_HALVINGS = 10


class BestAdversarial(NamedTuple):
  """The nearest success so far: `x_adv [B, ...]` and its `distance [B]`.

  Without a success they are x and inf.
  """

  x_adv: Array
  distance: Array


def initial_best(target: Target) -> BestAdversarial:
  """The clean image, at distance 0 if it is adversarial, otherwise inf."""
  distance = jnp.where(target.is_adversarial(target.clean_logits), 0.0, jnp.inf)
  return BestAdversarial(target.x, distance)


def update_best(
  best: BestAdversarial, target: Target, x_adv: Array, logits: Array, norm: Norm
) -> BestAdversarial:
  """Returns `x_adv` where it is a success and strictly nearer, else `best`.

  Args:
    best: the nearest success so far.
    target: the target.
    x_adv: candidates in the box, float32.
    logits: logits of the candidates.
    norm: norm of the distance; "l0" counts pixels.
  """
  x_adv = target.to_image(x_adv).astype(jnp.float32)
  length = distance(x_adv - target.x, norm, target.pixel_axes)
  better = target.success(logits) & (length < best.distance)
  return tree.where(better, BestAdversarial(x_adv, length), best)


def distance(
  delta: Array, norm: Norm, pixel_axes: Sequence[int] | None = None
) -> Array:
  """The norm of each example's change, `[B]`.

  Args:
    delta: `[B, ...]`.
    norm: "linf", "l2", "l1", or "l0" for the number of changed pixels.
    pixel_axes: in L0, the axes that one pixel spans; by default the last of
      `[B, H, W, C]`, and none of other shapes. See `pixels.unit_name`.

  Raises:
    ValueError: the norm is unknown, or pixel_axes is given for another norm
      than L0.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.attacks.minimal_norm.best_adversarial import distance
    >>> distance(jnp.array([[3.0, 0.0, -4.0]]), "l2")
    Array([5.], dtype=float32)
  """
  checks.norm(norm)
  if norm == "l0":
    changed = pixels.max_per_pixel(jnp.abs(delta), pixel_axes) > 0
    return changed.reshape(len(delta), -1).sum(axis=1).astype(jnp.float32)
  if pixel_axes is not None:
    raise ValueError(
      f"pixel_axes = {tuple(pixel_axes)} and norm = '{norm}': pixels are "
      "counted in L0 only. Leave pixel_axes out, or measure norm = 'l0'."
    )
  return tree.norm(delta, norm)


def value_and_gradient(
  loss: Callable[[Array], tuple[Array, Any]], x_adv: Array
) -> tuple[Array, Any, Array]:
  """The values and auxiliary output of `loss` at x', and the gradient.

  Args:
    loss: x' -> (values `[B]`, auxiliary output).
    x_adv: x' `[B, ...]`.

  Returns:
    values, auxiliary output, and the gradient, 0 where it is not finite.
  """
  value, pullback, aux = jax.vjp(loss, x_adv, has_aux=True)
  (grad,) = pullback(jnp.ones_like(value))
  return value, aux, tree.finite(grad)


def free_gradient(x_adv: Array, grad: Array) -> Array:
  """`grad`, set to 0 where a step along it would leave the box immediately.

  Nothing can be gained there, but these entries would count in the length of
  the gradient or of a step: about half of it on images with much black.
  """
  out = ((x_adv <= 0) & (grad < 0)) | ((x_adv >= 1) & (grad > 0))
  return jnp.where(out, 0.0, grad)


def from_several_starts(
  run: Callable[[Target, Array, BestAdversarial], BestAdversarial],
  key: Key,
  target: Target,
  norm: Norm,
  restarts: int,
  noise: Array | float,
) -> BestAdversarial:
  """The nearest success of `run` from x and from noisy starts.

  As published, the attacks start at x. Where training has made the model flat
  at the data, gradients there are misleading, and another start comes far
  nearer.

  Args:
    run: `(target, start [B, ...], best) -> best`. Its target has the slopes at
      its start, its `best` is that of the clean image.
    key: random key, consumed by the noise.
    target: the target.
    norm: norm of the distance; "l0" counts pixels.
    restarts: number of runs; all but the first start at x + noise, clipped to
      the box.
    noise: standard deviation of the noise in each coordinate, in input units.
  """
  keys = jax.random.split(key, restarts)
  first = initial_best(target)

  def body(i, best):
    change = noise * jax.random.normal(keys[i], target.x.shape)
    start = jnp.where(i > 0, jnp.clip(target.x + change, 0.0, 1.0), target.x)
    start = start_with_gradient(
      lambda x: margin_and_gradient(target, x)[2], start
    )
    new = run(with_slopes(target, start, norm), start, first)
    return tree.where(new.distance < best.distance, new, best)

  return jax.lax.fori_loop(0, restarts, body, first)


def start_with_gradient(
  gradient: Callable[[Array], Array], start: Array
) -> Array:
  """`start`, or where its gradient is 0 a nearby point with a gradient.

  A gradient that is 0 or not finite, such as that of a norm at a black image or
  of a symmetric function at its center, gives no direction. Points are drawn
  farther and farther away; examples with a gradient cost nothing more.

  Args:
    gradient: x' `[B, ...]` -> its gradient, 0 where that is not finite.
    start: `[B, ...]` in the box.
  """
  noise = jax.random.normal(jax.random.key(0), start.shape[1:])

  def attempt(i, carry):
    x_adv, _ = carry
    stuck = tree.norm(gradient(x_adv), "linf") == 0
    away = jnp.clip(start + _FIRST_NOISE * 2.0**i * noise, 0.0, 1.0)
    return tree.where(stuck, away, x_adv), stuck

  def unless_none_stuck(i, carry):
    return jax.lax.cond(carry[1].any(), attempt, lambda i, c: c, i, carry)

  all_stuck = jnp.ones(len(start), bool)
  return jax.lax.fori_loop(
    0, _NUM_NOISES, unless_none_stuck, (start, all_stuck)
  )[0]


def bisect_to_boundary(
  target: Target, best: BestAdversarial, norm: Norm
) -> BestAdversarial:
  """The nearest success on the path from x to `best`, by bisection.

  An attack that weighs the distance against a loss crosses the boundary by
  steps of some length; this removes the overshoot. The path is a straight line;
  in Linf it consists of the projections of `best` onto smaller balls, and in L0
  there is none.
  """
  if norm == "l0":
    return best
  change = best.x_adv - target.x
  length = tree.norm(change, "linf")

  def halve(_, carry):
    low, high, best = carry
    middle = (low + high) / 2
    if norm == "linf":
      x_adv = target.x + balls.onto_linf(change, middle * length)
    else:
      x_adv = target.x + tree.expand(middle, change) * change
    logits = target.logits(x_adv)
    success = target.success(logits)
    best = update_best(best, target, x_adv, logits, norm)
    return (
      jnp.where(success, low, middle),
      jnp.where(success, middle, high),
      best,
    )

  ends = jnp.zeros(len(change)), jnp.ones(len(change))
  return jax.lax.fori_loop(0, _NUM_HALVINGS, halve, (*ends, best))[-1]


def nearest_at_boundary(
  run: Callable[[Target, Array, BestAdversarial], BestAdversarial],
  key: Key,
  target: Target,
  norm: Norm,
  restarts: int,
  noise: Array | float,
) -> Array:
  """The result of `from_several_starts`, bisected back to the boundary."""
  best = from_several_starts(run, key, target, norm, restarts, noise)
  return result(target, bisect_to_boundary(target, best, norm))


def result(target: Target, best: BestAdversarial) -> Array:
  """The nearest success, in x's dtype; x itself where there is none."""
  return jax.lax.stop_gradient(target.to_image(best.x_adv))


def margin_and_gradient(
  target: Target, x_adv: Array
) -> tuple[Array, Array, Array]:
  """The margin, the logits and the margin's gradient at x'."""

  def loss(x_adv):
    logits = target.logits(x_adv)
    return target.margin(logits), logits

  return value_and_gradient(loss, x_adv)
