"""Interval bound propagation (IBP): Linf certificates of a single pass."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import bounded_jit, checks, precision, tree
from robust_jax.certificates._intervals import (
  Interval,
  center_and_radius,
  rounded,
  rounding_of_sums,
  widened,
)
from robust_jax.certificates._propagate import (
  Product,
  multiplied_out,
  propagate,
)
from robust_jax.types import Array, Certificate, Key, Model
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu

Margins = Callable[[Model, Array, Array, Array | float], Array]
"""`(model, x, labels, eps) -> [B, K]`, as `margin_bounds`."""


def interval_bounds(*, resolution: int = 1000) -> Certificate:
  """Interval bound propagation (IBP): the largest certified Linf radius.

  The radius is a multiple of `1 / resolution`, the largest that bisection
  finds; `certified` holds at the radius itself, not by interpolation.

  Args:
    resolution: how many radii there are from 0 to 1, less one.

  Raises:
    ValueError: resolution is less than 1.

  Example:
    >>> from robust_jax import certificates
    >>> certificates.interval_bounds().norm
    'linf'

  Source: Gowal et al. 2018, "On the effectiveness of interval bound propagation
  for training verifiably robust models", section 3.
  """
  return certificate_of(margin_bounds, resolution)


def certificate_of(bound: Margins, resolution: int) -> Certificate:
  """The certificate of a bound of margins.

  Args:
    bound: as `margin_bounds`.
    resolution: how many radii there are from 0 to 1, less one.

  Raises:
    ValueError: resolution is less than 1.
  """
  checks.at_least_one("resolution", resolution)

  @precision.evaluation()
  def radii(key: Key, model: Model, x: Array, labels: Array) -> np.ndarray:
    del key
    checks.images(x)
    steps = bounded_jit.call(
      _largest_radius, bound, model, x, labels, np.int32(resolution)
    )
    steps = np.asarray(steps)
    return np.where(steps < 0, -1.0, steps / resolution)

  return Certificate("linf", radii)


@precision.evaluation()
def certified(
  model: Model, x: Array, labels: Array, eps: Array | float
) -> Array:
  """Tests that no image within eps of x in Linf and [0, 1] is misclassified.

  Args:
    model: see `logit_bounds`.
    x: images `[B, ...]` in [0, 1].
    labels: int `[B]`.
    eps: radius in input units, a scalar or `[B]`.

  Returns:
    bool `[B]`; False where it is not known.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.certificates.interval_bounds import certified
    >>> model = lambda x: x @ jnp.array([[1.0, -1.0], [0.0, 0.0]])
    >>> x, labels = jnp.array([[0.3, 0.5]]), jnp.array([0])
    >>> [bool(certified(model, x, labels, eps)[0]) for eps in (0.29, 0.31)]
    [True, False]
  """
  return all_negative(margin_bounds(model, x, labels, eps), labels)


def all_negative(margins: Array, labels: Array) -> Array:
  """Returns `[B]`, whether all margins of other classes are negative."""
  is_label = jax.nn.one_hot(labels, margins.shape[-1], dtype=bool)
  return jnp.where(is_label, -jnp.inf, margins).max(axis=-1) < 0


def margin_bounds(
  model: Model, x: Array, labels: Array, eps: Array | float
) -> Array:
  """Upper bounds of z_k - z_label within eps of x and [0, 1], `[B, K]`.

  The last dense layer is elided: with z = h W + b, the differences are bounded
  by (W_k - W_label) and the interval of h. They are 0 at the label.

  The arguments are those of `certified`.

  Source: Gowal et al. 2018, section 3, "elision of the last layer".
  """
  return interval_margins(propagate(model, ball(x, eps)), labels)


def interval_margins(answer: Interval | Product, labels: Array) -> Array:
  """`margin_bounds` of what `propagate` returned."""
  if isinstance(answer, Product):
    margins = _margins_of_product(answer, labels)
  else:
    lower, upper = answer
    margins = upper - jnp.take_along_axis(lower, labels[:, None], axis=-1)
    margins = rounded(margins, margins).upper
  is_label = jax.nn.one_hot(labels, margins.shape[-1], dtype=bool)
  return jnp.where(is_label, 0.0, margins)


@precision.evaluation()
def logit_bounds(
  model: Model, x: Array, eps: Array | float
) -> tuple[Array, Array]:
  """Lower and upper bounds of the logits within eps of x and [0, 1].

  They hold of the model in real arithmetic and as computed in float32 in
  whatever order of summation; see `_intervals` for what is assumed.

  Args:
    model: a float32 function of dense layers, convolutions, relu, maxima, sum
      and average pooling, shapes, and arithmetic with constants, such as
      normalization at inference.
    x: images `[B, ...]` in [0, 1].
    eps: radius in input units, a scalar or `[B]`.

  Returns:
    Two arrays `[B, K]`.

  Raises:
    ValueError: the model does something else, which is named.
  """
  lower, upper = multiplied_out(propagate(model, ball(x, eps)))
  return lower, upper


def ball(x: Array, eps: Array | float) -> Interval:
  """The pixels within eps of x and [0, 1]."""
  eps = tree.expand(jnp.asarray(eps), x)
  around = widened(x - eps, x + eps, x + eps)
  return Interval(*(jnp.clip(end, 0.0, 1.0) for end in around))


def _margins_of_product(product: Product, labels: Array) -> Array:
  """Upper bounds of the differences to the label's column, `[B, K]`."""
  center, radius = center_and_radius(product.h)
  kernel = jnp.asarray(product.kernel)
  of_label = lambda values: jnp.take_along_axis(
    values, labels[:, None], axis=-1
  )
  difference = kernel - kernel.T[labels][:, :, None]  # [B, D, K]
  logits = center @ kernel
  reach = jnp.einsum("bd,bdk->bk", radius, jnp.abs(difference))
  # Each logit rounds by itself, in the model and here.
  summed = (jnp.abs(center) + radius) @ jnp.abs(kernel)
  if product.bias is not None:
    logits = logits + product.bias
    summed = summed + jnp.abs(product.bias)
  slack = 4 * rounding_of_sums(len(kernel) + 4) * (summed + of_label(summed))
  return logits - of_label(logits) + reach + slack


def _largest_radius(
  bound: Margins, model: Model, x: Array, labels: Array, resolution: Array
) -> Array:
  """The largest certified `k / resolution` `[B]`, by bisection; -1 of none."""
  margins = canonicalize_on_cpu(functools.partial(bound, model))

  def halve(bracket: tuple[Array, Array]) -> tuple[Array, Array]:
    low, high = bracket
    middle = (low + high) // 2
    # Where nothing lies between, the middle is the lower end again.
    found = margins(x, labels, middle / resolution)
    holds = (middle == low) | all_negative(found, labels)
    return jnp.where(holds, middle, low), jnp.where(holds, high, middle)

  none = jnp.full(len(x), -1, jnp.int32)
  beyond = jnp.full(len(x), resolution + 1, jnp.int32)
  is_open = lambda bracket: (bracket[1] - bracket[0] > 1).any()
  return jax.lax.while_loop(is_open, halve, (none, beyond))[0]
