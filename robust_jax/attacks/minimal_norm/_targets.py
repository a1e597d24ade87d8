"""The target of a minimal-norm attack: when a perturbation is a success.

A point is a *success* if the model's prediction, on the very image that will be
returned (rounded to x's dtype and clipped to the box), is what the adversary
wants. Differently compiled programs disagree in the last digits, and these
attacks stop at the decision boundary. A success must therefore exceed the
boundary by a tolerance: two roundings of the larger logit plus 1e-5 of the size
of the logits without their common offset. Otherwise another evaluation of the
same image might not confirm it. The margin that attacks maximize is 0 at twice
this tolerance, so that rounding cannot hold them on it.

Neither the offset nor the scale of the logits carries information about
distances. Attacks that weigh a loss against a distance therefore use the loss
as a fraction of its value at the clean image.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from robust_jax import losses, tree
from robust_jax.types import Array, Model, Norm
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu

# For L0, in which changes have no length, that of a single coordinate.
DUALS: Mapping[Norm, Norm] = {**tree.DUALS, "l0": "linf"}
_NUM_CANDIDATES = 9
_CLEAR = 1e-5


class Target(NamedTuple):
  """The clean images and the prediction that the adversary wants.

  Attributes:
    x: clean images `[B, ...]`, float32.
    labels: `[B]`, to be avoided, or to be reached if `targeted`.
    targeted: whether the labels are to be reached.
    logits: x' float32 -> logits float32, of the image that would be returned.
    to_image: x' float32 -> that image, clipped to the box and in x's dtype.
    rounding: two relative roundings of the model's numbers.
    clean_logits: `[B, K]`, the logits of x.
    slopes: `[B, K]`, the largest change of the difference between the logits of
      each class and of the label per change of unit norm; 1 until `with_slopes`
      is called.
    spread: `[B]`, the largest clean logit minus the median one: the size of the
      logits without their offset.
    pixel_axes: the axes of x that one pixel spans, if the norm counts pixels;
      see `pixels.resolve_axes`.
  """

  x: Array
  labels: Array
  targeted: bool
  logits: Model
  to_image: Callable[[Array], Array]
  rounding: float
  clean_logits: Array
  slopes: Array
  spread: Array
  pixel_axes: Sequence[int] | None = None

  def margin(self, logits: Array) -> Array:
    """Margin to maximize, `[B]`: positive where safely adversarial.

    If untargeted, it is that of the class whose boundary seems nearest, which
    need not be the class with the second largest logit.
    """
    return self._nearest_margin(logits) - 2 * self.margin_tolerance(logits)

  def shortfall(self, logits: Array) -> Array:
    """`max(-margin, 0)` as a fraction of its clean value, `[B]`."""
    return jnp.maximum(-self.margin(logits), 0.0) / self.clean_gap

  def nearest_classes(self, logits: Array, count: int) -> Array:
    """The classes whose boundaries seem nearest, `[B, count]`.

    The label is not among them. There are fewer if the model has fewer classes.
    """
    num_classes = logits.shape[-1]
    is_label = jax.nn.one_hot(self.labels, num_classes, dtype=bool)
    of_label = jnp.take_along_axis(logits, self.labels[:, None], axis=-1)
    ahead = jnp.where(is_label, -jnp.inf, (logits - of_label) / self.slopes)
    return jax.lax.top_k(ahead, min(count, num_classes - 1))[1]

  @property
  def clean_gap(self) -> Array:
    """`[B]`, the margin that the clean logits lack; 1 if they lack none."""
    gap = jnp.abs(self._nearest_margin(self.clean_logits))
    return jnp.where((gap > 0) & jnp.isfinite(gap), gap, 1.0)

  def is_adversarial(self, logits: Array) -> Array:
    """`[B]`, whether the adversary wants this prediction; False for NaN."""
    is_label = logits.argmax(axis=-1) == self.labels
    expected = is_label if self.targeted else ~is_label
    return expected & jnp.isfinite(logits.max(axis=-1))

  def success(self, logits: Array) -> Array:
    """`[B]`, whether the prediction is adversarial beyond the tolerance."""
    clear = self._raw_margin(logits) >= self.margin_tolerance(logits)
    return self.is_adversarial(logits) & clear

  def margin_tolerance(self, logits: Array) -> Array:
    """Margin that a success must exceed, `[B]`, without gradient."""
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
    candidate = self.nearest_classes(logits, 1)[:, 0]
    return losses.logit_difference(candidate)(logits, self.labels)


def make_target(
  logits_fn: Model, x: Array, labels: Array, targeted: bool
) -> Target:
  """Builds the target of an attack.

  Args:
    logits_fn: the model.
    x: clean images `[B, ...]`.
    labels: labels `[B]`.
    targeted: whether the labels are to be reached.
  """
  model = canonicalize_on_cpu(logits_fn)

  def to_image(x_adv: Array) -> Array:
    return jnp.clip(x_adv, 0.0, 1.0).astype(x.dtype)

  def logits(x_adv: Array) -> Array:
    # Not `to_image`: the derivative of clipping is not 1 at the ends.
    return model(x_adv.astype(x.dtype)).astype(jnp.float32)

  outputs_dtype = jax.eval_shape(logits_fn, x).dtype
  coarsest = max(float(jnp.finfo(t).eps) for t in (x.dtype, outputs_dtype))
  x32 = x.astype(jnp.float32)
  at_x = logits(x32)
  ascending = jnp.sort(at_x, axis=-1)
  return Target(
    x=x32,
    labels=labels,
    targeted=targeted,
    logits=logits,
    to_image=to_image,
    rounding=2 * coarsest,
    clean_logits=at_x,
    slopes=jnp.ones_like(at_x),
    spread=ascending[:, -1] - ascending[:, (at_x.shape[-1] - 1) // 2],
  )


def with_slopes(target: Target, start: Array, norm: Norm) -> Target:
  """The target with the slopes of the model at `start`.

  Each run of an attack uses the slopes at its own start: where training has
  made a model flat, the slopes at the clean image identify a class that is not
  the nearest. It costs a backward pass for each of the nine classes with the
  nearest boundaries.

  Args:
    target: the target.
    start: `[B, ...]`, the starting points of a run.
    norm: norm of the distance; "l0" counts pixels.
  """
  return target._replace(slopes=_slopes(target, start, norm))


def _slopes(target: Target, start: Array, norm: Norm) -> Array:
  """`Target.slopes`; small or unknown slopes are a tenth of the largest."""
  logits, pullback = jax.vjp(target.logits, start)
  num_classes = logits.shape[-1]
  candidates = target.nearest_classes(logits, _NUM_CANDIDATES)
  own = jax.nn.one_hot(target.labels, num_classes)

  def measure(i, slopes):
    direction = jax.nn.one_hot(candidates[:, i], num_classes)
    slope = tree.norm(pullback(direction - own)[0], DUALS[norm])
    known = (direction > 0) & jnp.isfinite(slope)[:, None]
    return jnp.where(known, slope[:, None], slopes)

  none = jnp.zeros_like(logits)
  slopes = jax.lax.fori_loop(0, candidates.shape[1], measure, none)
  largest = slopes.max(axis=-1, keepdims=True)
  return jnp.where(largest > 0, jnp.maximum(slopes, 0.1 * largest), 1.0)
