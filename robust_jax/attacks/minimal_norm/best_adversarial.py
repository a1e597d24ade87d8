"""What the minimal-norm attacks share: the nearest hit so far, and starts."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.attacks.minimal_norm._targets import Target, measured
from robust_jax.perturbations import balls, pixels
from robust_jax.types import Array, Key, Norm

# Standard deviation, in input units, of the first of some displacements.
_FIRST_NOISE = 0.01
_NUM_NOISES = 6
_NUM_HALVINGS = 10


class BestAdversarial(NamedTuple):
  """The nearest hit so far: `x_adv [B, ...]`, `distance [B]`, inf where none.

  Where there is none x_adv is x.
  """

  x_adv: Array
  distance: Array


def clean(goal: Target) -> BestAdversarial:
  """The clean image as a candidate, at distance 0 where it is answered so."""
  distance = jnp.where(goal.answered(goal.clean_logits), 0.0, jnp.inf)
  return BestAdversarial(goal.x, distance)


def update_best(
  best: BestAdversarial, goal: Target, x_adv: Array, logits: Array, norm: Norm
) -> BestAdversarial:
  """`best`, or `x_adv` where it is a hit and strictly nearer.

  Args:
    best: the nearest hit so far.
    goal: the goal.
    x_adv: candidates in the box, float32.
    logits: of the candidates.
    norm: of the distance; "l0" counts pixels.
  """
  x_adv = goal.returned(x_adv).astype(jnp.float32)
  length = distance(x_adv - goal.x, norm, goal.pixel_axes)
  better = goal.hit(logits) & (length < best.distance)
  return tree.where(better, BestAdversarial(x_adv, length), best)


def distance(
  delta: Array, norm: Norm, pixel_axes: Sequence[int] | None = None
) -> Array:
  """The size of each example's change, `[B]`.

  Args:
    delta: `[B, ...]`.
    norm: "linf", "l2", "l1", or "l0" for the number of changed pixels.
    pixel_axes: in L0, the axes that one pixel spans; by default the last of
      `[B, H, W, C]`, and none of other shapes. See `pixels.unit_name`.

  Raises:
    ValueError: no such norm, or pixel_axes where no pixels are counted.
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


def gradient(
  loss: Callable[[Array], tuple[Array, Any]], x_adv: Array
) -> tuple[Array, Any, Array]:
  """`loss(x') -> (values [B], aux)` at x', and the gradient of the values.

  Where a gradient is not finite it reads 0.
  """
  value, pullback, aux = jax.vjp(loss, x_adv, has_aux=True)
  (grad,) = pullback(jnp.ones_like(value))
  return value, aux, tree.finite(grad)


def free(x_adv: Array, grad: Array) -> Array:
  """`grad`, but 0 where going along it would leave the box at once.

  Nothing can be gained there, and what counts as the length of the gradient, or
  as that of a step, would be spent on it: on images with much black, half.
  """
  out = ((x_adv <= 0) & (grad < 0)) | ((x_adv >= 1) & (grad > 0))
  return jnp.where(out, 0.0, grad)


def from_several_starts(
  run: Callable[[Target, Array, BestAdversarial], BestAdversarial],
  key: Key,
  goal: Target,
  norm: Norm,
  restarts: int,
  noise: Array | float,
) -> BestAdversarial:
  """The nearest hit of `run(goal, start, clean)` from x, and from noisy starts.

  The methods start at x, as published. But gradients at the data mislead where
  training made the model flat there, and a start elsewhere comes far nearer.

  Args:
    run: `(goal, start [B, ...], nearest hit of the clean image) -> nearest
      hit`. Its goal has the slopes at its start.
    key: consumed by the noise.
    goal: the goal.
    norm: of the distance; "l0" counts pixels.
    restarts: runs; all but the first start at x + noise, cut to the box.
    noise: its standard deviation in each coordinate, in input units.
  """
  keys = jax.random.split(key, restarts)
  first = clean(goal)

  def body(i, best):
    change = noise * jax.random.normal(keys[i], goal.x.shape)
    start = jnp.where(i > 0, jnp.clip(goal.x + change, 0.0, 1.0), goal.x)
    start = with_gradient(lambda x: ascend_margin(goal, x)[2], start)
    new = run(measured(goal, start, norm), start, first)
    return tree.where(new.distance < best.distance, new, best)

  return jax.lax.fori_loop(0, restarts, body, first)


def with_gradient(gradient: Callable[[Array], Array], start: Array) -> Array:
  """`start`, or where there is no gradient a point near it that has one.

  A gradient that is 0 or not finite, as that of a norm at black or of a
  symmetric function in its middle, leads nowhere from there. Points are drawn
  farther and farther off; those that have a gradient cost nothing more.

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


def pulled_back(
  goal: Target, best: BestAdversarial, norm: Norm
) -> BestAdversarial:
  """The nearest hit on the way from x to `best`, by bisection.

  A method that weighs the distance against a loss crosses the boundary by steps
  of some length; what they overshoot is given back. In Linf the way leads
  through the projections of `best` onto smaller balls; in L0 there is none.
  """
  if norm == "l0":
    return best
  change = best.x_adv - goal.x
  length = tree.norm(change, "linf")

  def halve(_, carry):
    low, high, best = carry
    middle = (low + high) / 2
    if norm == "linf":
      x_adv = goal.x + balls.onto_linf(change, middle * length)
    else:
      x_adv = goal.x + tree.expand(middle, change) * change
    logits = goal.logits(x_adv)
    hit = goal.hit(logits)
    best = update_best(best, goal, x_adv, logits, norm)
    return jnp.where(hit, low, middle), jnp.where(hit, middle, high), best

  ends = jnp.zeros(len(change)), jnp.ones(len(change))
  return jax.lax.fori_loop(0, _NUM_HALVINGS, halve, (*ends, best))[-1]


def returned(goal: Target, best: BestAdversarial) -> Array:
  """What the attack answers: the nearest hit, x itself where there is none."""
  return jax.lax.stop_gradient(goal.returned(best.x_adv))


def ascend_margin(goal: Target, x_adv: Array) -> tuple[Array, Array, Array]:
  """The margin, the logits and the margin's gradient at x'."""

  def loss(x_adv):
    logits = goal.logits(x_adv)
    return goal.margin(logits), logits

  return gradient(loss, x_adv)
