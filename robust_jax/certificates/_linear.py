"""Linear bounds of a model, by interpretation of its jaxpr backwards.

An upper bound of sum a y over the outputs y of an operation is rewritten into
one over its inputs, from the last operation to the first. Affine operations are
transposed, a relu lies between two lines, and what has no rule is replaced by
its interval. Rounding is accounted as in `_intervals`, that of the model and
that of the coefficients a, by the size of the terms of each operation.
"""

import functools
import math
from collections.abc import Sequence
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from robust_jax.certificates._intervals import (
  center_and_radius,
  rounding_of_sums,
)
from robust_jax.certificates._propagate import (
  Step,
  Value,
  multiplied_out,
  varies,
)
from robust_jax.types import Array

_PRODUCTS = ("conv_general_dilated", "dot_general")
_SUMS = ("reduce_sum", "reduce_window_sum")
_SCALED = ("div", "mul")
_ADDED = ("add", "sub")
_NARROW = 1e-6
_NOT_AFFINE = ("max", "min", "reduce_max", "reduce_window_max")

Inputs = list[tuple[Value, Array]]
"""Values with their coefficients `[S, B, ...]`."""


def upper_bounds(
  steps: Sequence[Step], out: Value, coefficients: Array
) -> Array:
  """Upper bounds `[S, B]` of S weighted sums of a model's outputs.

  Args:
    steps: those that `propagate` took.
    out: what it returned.
    coefficients: `[S, B, K]`, the weights.
  """
  found = {id(out): (out, coefficients)}
  total = jnp.zeros(coefficients.shape[:2])
  for step in reversed(steps):
    if id(step.out) not in found:
      continue
    inputs, more = _through(step, found.pop(id(step.out))[1])
    total += more
    for value, a in inputs:
      if id(value) in found:
        a += found[id(value)][1]
        total += _slack(a, _magnitude(value), 1)
      found[id(value)] = (value, a)
  for value, a in found.values():
    total += _of_interval(value, a)
  return total + rounding_of_sums(2 * len(steps)) * jnp.abs(total)


def _through(step: Step, a: Array) -> tuple[Inputs, Array]:
  """The inputs instead of the output, and what is added to the bound."""
  inputs = [v for v in step.operands if varies(v)]
  if _is_relu(step):
    return _through_relu(inputs[0], a)
  if step.name in _NOT_AFFINE:
    return [], _of_interval(step.out, a)
  sizes = [_magnitude(v) for v in inputs]
  apply = functools.partial(_apply, step)
  constant, pull = jax.vjp(apply, *map(jnp.zeros_like, sizes))
  coefficients = jax.vmap(pull)(a)
  more = jnp.zeros(a.shape[:2])
  if num_terms := _num_terms(step):
    more += _slack(a, _apply(_of_sizes(step), *sizes), num_terms)
  if _adds_constants(step):
    more += _sum(a, constant)
  return list(zip(inputs, coefficients, strict=True)), more


def _through_relu(value: Value, a: Array) -> tuple[Inputs, Array]:
  """It lies below the chord, and above 0 or the identity."""
  lower, upper = multiplied_out(value)
  crosses = (lower < 0) & (upper > 0)
  positive = (upper > 0).astype(lower.dtype)
  # Any slope is sound with its offset; this one has a finite derivative.
  slope = upper / jnp.maximum(upper - lower, _NARROW)
  slope = jnp.where(crosses, slope, positive)
  offset = jnp.maximum(upper - slope * upper, -slope * lower)
  offset = jnp.where(crosses, offset, 0.0)
  below = jnp.where(crosses, upper > -lower, positive)
  rising = jnp.maximum(a, 0.0)
  found = rising * slope + (a - rising) * below
  size = _magnitude(value) + offset
  return [(value, found)], _sum(rising, offset) + _slack(a, size, 4)


def _is_relu(step: Step) -> bool:
  is_zero = lambda v: isinstance(v, core.Literal) and not np.any(v.val)
  return step.name == "max" and any(map(is_zero, step.eqn.invars))


def _adds_constants(step: Step) -> bool:
  """Returns whether there are constants among its terms, not factors."""
  is_product = step.name in (*_PRODUCTS, *_SCALED)
  return not is_product and not all(map(varies, step.operands))


def _apply(step: Step, *inputs: Array) -> Array:
  """The operation, of these in place of the operands that depend on x."""
  rest = iter(inputs)
  operands = [next(rest) if varies(v) else v for v in step.operands]
  return step.eqn.primitive.bind(*operands, **step.eqn.params)


def _of_sizes(step: Step) -> Step:
  """Of the sizes of its inputs, it gives that of the terms that are summed."""
  size = lambda v: jnp.abs(v) if jnp.issubdtype(v.dtype, jnp.floating) else v
  operands = [v if varies(v) else size(v) for v in step.operands]
  eqn = step.eqn
  if step.name == "sub":
    eqn = eqn.replace(primitive=jax.lax.add_p)
  return step._replace(eqn=eqn, operands=operands)


def _num_terms(step: Step) -> int:
  """The most that are summed into one number, forwards or backwards."""
  params = step.eqn.params
  if step.name in _PRODUCTS:
    kernel = cast(Array, step.operands[1])
    ends = getattr(params["dimension_numbers"], "rhs_spec", (0, 1))[:2]
    return kernel.size // min(kernel.shape[axis] for axis in ends)
  if step.name in _SUMS:
    shape = _magnitude(step.operands[0]).shape
    axes = params.get("axes", ())
    return math.prod(params.get("window_dimensions", [shape[i] for i in axes]))
  return 2 if step.name in (*_SCALED, *_ADDED) else 0


def _magnitude(value: Value) -> Array:
  lower, upper = multiplied_out(value)
  return jnp.maximum(jnp.abs(lower), jnp.abs(upper))


def _of_interval(value: Value, a: Array) -> Array:
  """The largest sum that the interval of the value allows."""
  center, radius = center_and_radius(multiplied_out(value))
  return _sum(a, center) + _sum(jnp.abs(a), radius)


def _sum(a: Array, values: Array) -> Array:
  """An upper bound of the sum of `a * values` over all but S and B."""
  axes = tuple(range(2, a.ndim))
  num_terms = math.prod(a.shape[2:])
  return (a * values).sum(axes) + _slack(a, jnp.abs(values), num_terms)


def _slack(a: Array, size: Array, num_terms: int) -> Array:
  """Of rounding in sums of so many terms of that size, weighted by a."""
  terms = jnp.abs(a) * size
  return 2 * rounding_of_sums(num_terms) * terms.sum(tuple(range(2, a.ndim)))
