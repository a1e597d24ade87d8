"""Floating point operations (FLOP), counted in a traced program.

XLA's own count (`cost_analysis`) takes the body of a loop once, however often
it runs, so an attack of ten steps would cost as much as one step. Here bodies
are counted times the lengths of their loops.
"""

import functools
import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax.extend import core

_DOT, _CONV = "dot_general", "conv_general_dilated"


def count_flop(program: core.ClosedJaxpr) -> dict[str, float]:
  """Counts the FLOP of the matrix products and convolutions of a program.

  A multiplication and an addition are two. Products with the zeros of paddings
  and dilations are not counted, as by XLA, so the gradient of a strided
  convolution has the FLOP of the convolution. Other operations are neglected:
  they take memory traffic more than arithmetic, and the rate of a matrix
  product, which this is to be compared with, has none of them.

  Args:
    program: a traced program, of `jax.make_jaxpr`. Forms that `canonicalize`
      chose for a CPU count as what they stand for.

  Returns:
    The FLOP by the dtype of the factors, such as `{"bfloat16": 2e9}`, the
    largest first; empty without products. NaN where products are in a loop
    whose length depends on the data.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.flop import count_flop
    >>> power = lambda a: jax.lax.fori_loop(0, 10, lambda _, b: b @ a, a)
    >>> count_flop(jax.make_jaxpr(power)(jnp.ones((5, 5))))
    {'float32': 2500.0}
  """
  jaxpr = program.jaxpr
  found = {
    name: sum_over_equations(jaxpr, functools.partial(_flop_in, name))
    for name in sorted(_dtypes(jaxpr))
  }
  by_size = sorted(found.items(), key=lambda item: -item[1])
  return {name: flop for name, flop in by_size if flop}


def sum_over_equations(
  jaxpr: core.Jaxpr, value: Callable[[core.JaxprEqn], float]
) -> float:
  """Sums a value of the equations that the outputs of a program depend on.

  Bodies of loops count times the length of the loop, and of the branches of a
  `cond` the one of the largest sum counts.

  Args:
    jaxpr: the program, without its constants.
    value: value of an equation, at least 0. Programs within an equation whose
      value is 0, such as bodies of loops, are looked into.

  Returns:
    The sum; NaN where the body of a `while_loop`, whose length is not known,
    has another sum than 0.
  """
  needed = {v for v in jaxpr.outvars if isinstance(v, core.Var)}
  total = 0.0
  for eqn in reversed(jaxpr.eqns):
    if not eqn.effects and needed.isdisjoint(eqn.outvars):
      continue
    needed.update(v for v in eqn.invars if isinstance(v, core.Var))
    total += value(eqn) or _within(eqn, value)
  return total


def _within(eqn: core.JaxprEqn, value) -> float:
  inner = [
    sum_over_equations(jaxpr, value)
    for jaxpr in core.jaxprs_in_params(eqn.params)
  ]
  if not any(inner):
    return 0.0
  if eqn.primitive.name == "cond":
    return float(np.max(inner))  # NaN if one of them is
  if eqn.primitive.name == "while":
    return math.nan
  if eqn.primitive.name.startswith("custom_"):  # beside it are its derivatives
    return inner[0]
  return eqn.params.get("length", 1) * sum(inner)


def _dtypes(jaxpr: core.Jaxpr) -> set[str]:
  """The dtypes of all products of a program."""
  found = {_dtype(eqn) for eqn in jaxpr.eqns if _flop(eqn)}
  for eqn in jaxpr.eqns:
    for inner in core.jaxprs_in_params(eqn.params):
      found |= _dtypes(inner)
  return found


def _flop_in(dtype: str, eqn: core.JaxprEqn) -> float:
  flop = _flop(eqn)
  return flop if flop and _dtype(eqn) == dtype else 0.0


def _dtype(eqn: core.JaxprEqn) -> str:
  dtypes = [v.aval.dtype for v in eqn.invars]  # type: ignore[attr-defined]
  return jnp.result_type(*dtypes).name


def _flop(eqn: core.JaxprEqn) -> float:
  """FLOP of a product; 0 of all other equations."""
  if eqn.primitive.name == _DOT:
    return _flop_of_dot(eqn)
  # The forms that `canonicalize` chooses have a prefix.
  return _flop_of_conv(eqn) if eqn.primitive.name.endswith(_CONV) else 0.0


def _flop_of_dot(eqn) -> float:
  (contracted, _), _ = eqn.params["dimension_numbers"]
  shape = eqn.invars[0].aval.shape
  terms = math.prod(shape[axis] for axis in contracted)
  return 2.0 * terms * math.prod(eqn.outvars[0].aval.shape)


def _flop_of_conv(eqn) -> float:
  params = eqn.params
  numbers = params["dimension_numbers"]
  lhs, rhs = (v.aval.shape for v in eqn.invars)
  out = eqn.outvars[0].aval.shape
  # Kernels have the input channels of one group, and outputs all images of one.
  terms = rhs[numbers.rhs_spec[1]]
  per_position = out[numbers.out_spec[0]] * out[numbers.out_spec[1]] * terms
  positions = 1
  for i, axis in enumerate(numbers.lhs_spec[2:]):
    positions *= _positions(
      lhs[axis],
      rhs[numbers.rhs_spec[2 + i]],
      out[numbers.out_spec[2 + i]],
      params["window_strides"][i],
      params["padding"][i][0],
      params["lhs_dilation"][i],
      params["rhs_dilation"][i],
    )
  return 2.0 * per_position * positions


def _positions(size, window, out, stride, padding, base, dilation) -> int:
  """Pairs of an output and an entry of its window that meet an input."""
  at = stride * np.arange(out)[:, None] + dilation * np.arange(window) - padding
  inside = (at >= 0) & (at < (size - 1) * base + 1) & (at % base == 0)
  return int(inside.sum())
