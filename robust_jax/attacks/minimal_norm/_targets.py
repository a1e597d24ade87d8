"""What the adversary of a minimal-norm attack wants.

A point is a *hit* where it has that by the model's answer on the very image
that will be returned, rounded to x's dtype and in the box. Programs that
compile differently answer differently in the last digits, and these attacks
stop at the decision boundary: a hit must clear it by two roundings of the
larger logit and by 1e-5 of what logits amount to apart from a common offset, or
another evaluation of the same image might not see it. What attacks maximize is
0 at twice that, so that rounding cannot hold them on it.

Neither an offset nor the scale of the logits says anything about distances, so
attacks that weigh a loss against a distance take the loss as a fraction of what
it is at the clean image.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from robust_jax import losses, tree
from robust_jax.types import Array, Model, Norm
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu

# In L0, where no change has a length, a single coordinate is meant.
DUALS = tree.DUALS | {"l0": "linf"}
_NUM_RIVALS = 9
_CLEAR = 1e-5


class Target(NamedTuple):
  """What the adversary starts from and wants.

  Attributes:
    x: clean images `[B, ...]`, float32.
    labels: `[B]`, to get away from, or to reach if `targeted`.
    targeted: which of the two.
    logits: x' float32 -> logits float32, of the image that would be returned.
    returned: x' float32 -> that image, cut to the box and in x's dtype.
    rounding: two roundings, relative, of the model's numbers.
    clean_logits: `[B, K]`, of x.
    slopes: `[B, K]`, how fast the difference between the logits of each class
      and of the label can change by a change of unit norm; 1 until `measured`.
    spread: `[B]`, how far the largest clean logit is above the middle one: the
      size of logits whose offset means nothing.
    pixel_axes: the axes of x that one pixel spans, where the norm counts them;
      see `pixels.resolve_axes`.
  """

  x: Array
  labels: Array
  targeted: bool
  logits: Model
  returned: Callable[[Array], Array]
  rounding: float
  clean_logits: Array
  slopes: Array
  spread: Array
  pixel_axes: Sequence[int] | None = None

  def margin(self, logits: Array) -> Array:
    """`[B]`, what to maximize: positive where the goal is safely reached.

    Without a target it is that of the class whose boundary looks nearest, which
    need not be the one of the second largest logit.
    """
    return self._nearest_margin(logits) - 2 * self.clearance(logits)

  def shortfall(self, logits: Array) -> Array:
    """`[B]`, 0 where the goal is safely reached, and 1 at the clean image."""
    return jnp.maximum(-self.margin(logits), 0.0) / self.clean_gap

  def nearest_classes(self, logits: Array, count: int) -> Array:
    """The classes but the label whose boundaries look nearest, `[B, count]`.

    Fewer where there are not so many.
    """
    num_classes = logits.shape[-1]
    is_label = jax.nn.one_hot(self.labels, num_classes, dtype=bool)
    of_label = jnp.take_along_axis(logits, self.labels[:, None], axis=-1)
    ahead = jnp.where(is_label, -jnp.inf, (logits - of_label) / self.slopes)
    return jax.lax.top_k(ahead, min(count, num_classes - 1))[1]

  @property
  def clean_gap(self) -> Array:
    """`[B]`, how far the clean logits are from the goal; 1 if not at all."""
    gap = jnp.abs(self._nearest_margin(self.clean_logits))
    return jnp.where((gap > 0) & jnp.isfinite(gap), gap, 1.0)

  def answered(self, logits: Array) -> Array:
    """`[B]`: whether the prediction is the adversary's; never with NaN."""
    is_label = logits.argmax(axis=-1) == self.labels
    expected = is_label if self.targeted else ~is_label
    return expected & jnp.isfinite(logits.max(axis=-1))

  def hit(self, logits: Array) -> Array:
    """`[B]`, where the expected answer is clear of the boundary."""
    clear = self._raw_margin(logits) >= self.clearance(logits)
    return self.answered(logits) & clear

  def clearance(self, logits: Array) -> Array:
    """How far beyond the boundary a hit must be, `[B]`, without gradient."""
    logits = jax.lax.stop_gradient(logits)
    of_label = jnp.take_along_axis(logits, self.labels[:, None], axis=-1)[:, 0]
    other = of_label + losses.margin(logits, self.labels)
    size = jnp.maximum(jnp.abs(of_label), jnp.abs(other))
    return self.rounding * size + _CLEAR * jnp.minimum(size, self.spread)

  def _raw_margin(self, logits):
    margin = losses.margin(logits, self.labels)
    return -margin if self.targeted else margin

  def _nearest_margin(self, logits):
    if self.targeted:
      return self._raw_margin(logits)
    rival = self.nearest_classes(logits, 1)[:, 0]
    return losses.logit_difference(rival)(logits, self.labels)


def target_of(
  logits_fn: Model, x: Array, labels: Array, targeted: bool
) -> Target:
  """The goal.

  Args:
    logits_fn: the model.
    x: clean images `[B, ...]`.
    labels: `[B]`.
    targeted: whether `labels` are to be reached.
  """
  model = canonicalize_on_cpu(logits_fn)

  def returned(x_adv: Array) -> Array:
    return jnp.clip(x_adv, 0.0, 1.0).astype(x.dtype)

  def logits(x_adv: Array) -> Array:
    # Not `returned`: the cut's derivative is not 1 at its ends.
    return model(x_adv.astype(x.dtype)).astype(jnp.float32)

  answer = jax.eval_shape(logits_fn, x).dtype
  coarsest = max(float(jnp.finfo(t).eps) for t in (x.dtype, answer))
  x32 = x.astype(jnp.float32)
  at_x = logits(x32)
  in_order = jnp.sort(at_x, axis=-1)
  return Target(
    x=x32,
    labels=labels,
    targeted=targeted,
    logits=logits,
    returned=returned,
    rounding=2 * coarsest,
    clean_logits=at_x,
    slopes=jnp.ones_like(at_x),
    spread=in_order[:, -1] - in_order[:, (at_x.shape[-1] - 1) // 2],
  )


def measured(goal: Target, start: Array, norm: Norm) -> Target:
  """`goal` with the slopes of the model at `start`.

  Each run of an attack has those of its own start: where training made a model
  flat, the slopes at the clean image name a class that is not the nearest.
  Costs a backward pass for each of the nine strongest rivals.

  Args:
    goal: the goal.
    start: `[B, ...]`, where a run starts.
    norm: of the distance; "l0" counts pixels.
  """
  return goal._replace(slopes=_slopes(goal, start, norm))


def _slopes(goal: Target, start: Array, norm: Norm) -> Array:
  """`Goal.slopes`; what is small or unknown is a tenth of the largest."""
  logits, pullback = jax.vjp(goal.logits, start)
  num_classes = logits.shape[-1]
  rivals = goal.nearest_classes(logits, _NUM_RIVALS)
  own = jax.nn.one_hot(goal.labels, num_classes)

  def measure(i, slopes):
    towards = jax.nn.one_hot(rivals[:, i], num_classes)
    slope = tree.norm(pullback(towards - own)[0], DUALS[norm])
    known = (towards > 0) & jnp.isfinite(slope)[:, None]
    return jnp.where(known, slope[:, None], slopes)

  none = jnp.zeros_like(logits)
  slopes = jax.lax.fori_loop(0, rivals.shape[1], measure, none)
  largest = slopes.max(axis=-1, keepdims=True)
  return jnp.where(largest > 0, jnp.maximum(slopes, 0.1 * largest), 1.0)
