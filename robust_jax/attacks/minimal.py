"""What the minimal-norm attacks share: the goal, and the nearest hit so far.

A point is a *hit* where the adversary has what it wants by the model's answer
on the very image that will be returned, rounded to x's dtype and in the box.
Programs that compile differently answer differently in the last digits, and
these attacks stop at the decision boundary: a hit must clear it by 1e-5 of the
larger logit (two roundings, if the model's numbers are short), or another
evaluation of the same image might not see it. What they maximise is 0 at twice
that, so that rounding cannot hold them on it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from robust_jax import losses, tree
from robust_jax.on_cpu import canonicalize_on_cpu
from robust_jax.types import Array, Key, LogitsFn

_CLEAR = 1e-5


class Goal(NamedTuple):
  """What the adversary starts from and wants.

  Attributes:
    x: clean images `[B, ...]`, float32.
    labels: `[B]`, to get away from, or to reach if `targeted`.
    targeted: which of the two.
    logits: x' float32 -> logits float32, of the image that would be returned.
    returned: x' float32 -> that image, cut to the box and in x's dtype.
    clear: how far beyond the boundary a hit must be, relative to the larger of
      the two logits that meet there.
  """

  x: Array
  labels: Array
  targeted: bool
  logits: LogitsFn
  returned: Callable[[Array], Array]
  clear: float

  def margin(self, logits: Array) -> Array:
    """`[B]`, what to maximise: positive where the goal is safely reached."""
    return self._raw_margin(logits) - 2 * self.clearance(logits)

  def answered(self, logits: Array) -> Array:
    """`[B]`, where the answer is the wanted one; no comparison with NaN is."""
    is_label = logits.argmax(axis=-1) == self.labels
    wanted = is_label if self.targeted else ~is_label
    return wanted & jnp.isfinite(self._raw_margin(logits))

  def hit(self, logits: Array) -> Array:
    """`[B]`, where the wanted answer is clear of the boundary."""
    clear = self._raw_margin(logits) >= self.clearance(logits)
    return self.answered(logits) & clear

  def clearance(self, logits: Array) -> Array:
    """How far beyond the boundary a hit must be, `[B]`, without gradient."""
    logits = jax.lax.stop_gradient(logits)
    of_label = jnp.take_along_axis(logits, self.labels[:, None], axis=-1)[:, 0]
    other = of_label + losses.margin(logits, self.labels)
    return self.clear * jnp.maximum(jnp.abs(of_label), jnp.abs(other))

  def _raw_margin(self, logits):
    margin = losses.margin(logits, self.labels)
    return -margin if self.targeted else margin


class Nearest(NamedTuple):
  """The nearest hit so far: `x_adv [B, ...]`, `distance [B]`, inf where none.

  Where there is none x_adv is x.
  """

  x_adv: Array
  distance: Array


def goal_of(
  logits_fn: LogitsFn, x: Array, labels: Array, targeted: bool
) -> Goal:
  """The goal, with its input checked; see `victim`."""
  model = canonicalize_on_cpu(logits_fn)

  def returned(x_adv: Array) -> Array:
    return jnp.clip(x_adv, 0.0, 1.0).astype(x.dtype)

  def logits(x_adv: Array) -> Array:
    # Not `returned`: the cut's derivative is not 1 at its ends.
    return model(x_adv.astype(x.dtype)).astype(jnp.float32)

  answer = jax.eval_shape(logits_fn, x).dtype
  coarsest = max(float(jnp.finfo(t).eps) for t in (x.dtype, answer))
  clear = max(_CLEAR, 2 * coarsest)
  return Goal(x.astype(jnp.float32), labels, targeted, logits, returned, clear)


def clean(goal: Goal) -> tuple[Nearest, Array]:
  """The clean image as a candidate, at distance 0 where it is answered so.

  Returns:
    the candidate, and the clean logits.
  """
  logits = goal.logits(goal.x)
  distance = jnp.where(goal.answered(logits), 0.0, jnp.inf)
  return Nearest(goal.x, distance), logits


def nearer(
  best: Nearest, goal: Goal, x_adv: Array, logits: Array, norm: float
) -> Nearest:
  """`best`, or `x_adv` where it is a hit and strictly nearer.

  Args:
    best: the nearest hit so far.
    goal: the goal.
    x_adv: candidates in the box, float32.
    logits: of the candidates.
    norm: 0 (pixels), 1, 2 or inf.
  """
  x_adv = goal.returned(x_adv).astype(jnp.float32)
  length = distance(x_adv - goal.x, norm)
  better = goal.hit(logits) & (length < best.distance)
  return tree.where(better, Nearest(x_adv, length), best)


def distance(theta: Array, norm: float) -> Array:
  """The size of each example's change, `[B]`.

  Args:
    theta: `[B, ...]`; `[B, H, W, C]` are images.
    norm: 1, 2 or inf, or 0 for the number of changed pixels, where all
      channels of a pixel count once; without a channel axis, of coordinates.
  """
  if norm == 0:
    changed = per_pixel(jnp.abs(theta)) > 0
    return changed.reshape(len(theta), -1).sum(axis=1).astype(jnp.float32)
  return tree.norm(theta, norm)


def per_pixel(values: Array) -> Array:
  """The largest value of each pixel, its axis kept: `[B, H, W, 1]`."""
  return values.max(axis=-1, keepdims=True) if values.ndim == 4 else values


def gradient(
  loss: Callable[[Array], tuple[Array, Any]], x_adv: Array
) -> tuple[Array, Any, Array]:
  """`loss(x') -> (values [B], aux)` at x', and the gradient of the values.

  Where a gradient is not finite it reads 0: that example stays where it is.
  """
  value, pullback, aux = jax.vjp(loss, x_adv, has_aux=True)
  (grad,) = pullback(jnp.ones_like(value))
  return value, aux, jnp.where(jnp.isfinite(grad), grad, 0.0)


def free(x_adv: Array, grad: Array) -> Array:
  """`grad`, but 0 where going along it would leave the box at once.

  Nothing can be gained there, and what counts as the length of the gradient, or
  as that of a step, would be spent on it: on images with much black, half.
  """
  out = ((x_adv <= 0) & (grad < 0)) | ((x_adv >= 1) & (grad > 0))
  return jnp.where(out, 0.0, grad)


def from_several_starts(
  run: Callable[[Array, Nearest], Nearest],
  key: Key,
  goal: Goal,
  restarts: int,
  noise: Array | float,
) -> Nearest:
  """The nearest hit of `run(start, clean)` from x, and from noisy starts.

  The methods start at x, as published. But gradients at the data mislead where
  training made the model flat there, and a start elsewhere comes far nearer.

  Args:
    run: `(start [B, ...], nearest hit of the clean image) -> nearest hit`.
    key: consumed by the noise.
    goal: the goal.
    restarts: runs; all but the first start at x + noise, cut to the box.
    noise: its standard deviation in each coordinate, in input units.
  """
  keys = jax.random.split(key, restarts)
  first, _ = clean(goal)

  def body(i, best):
    change = noise * jax.random.normal(keys[i], goal.x.shape)
    start = jnp.where(i > 0, jnp.clip(goal.x + change, 0.0, 1.0), goal.x)
    new = run(start, first)
    return tree.where(new.distance < best.distance, new, best)

  return jax.lax.fori_loop(0, restarts, body, first)


def returned(goal: Goal, best: Nearest) -> Array:
  """What the attack answers: the nearest hit, x itself where there is none."""
  return jax.lax.stop_gradient(goal.returned(best.x_adv))


def ascend_margin(goal: Goal, x_adv: Array) -> tuple[Array, Array, Array]:
  """The margin, the logits and the margin's gradient at x'."""

  def loss(x_adv):
    logits = goal.logits(x_adv)
    return goal.margin(logits), logits

  return gradient(loss, x_adv)
