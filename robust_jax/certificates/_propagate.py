"""Interval bounds of a model, by interpretation of its jaxpr."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend import core

from robust_jax.certificates._intervals import (
  Interval,
  add,
  linear,
  negative,
  rounded,
)
from robust_jax.types import Array, Model


class Product(NamedTuple):
  """`h @ kernel + bias`, not yet multiplied out.

  The difference of two of its columns is bounded more tightly by the difference
  of the columns of the kernel.

  Attributes:
    h: interval `[B, D]`.
    kernel: `[D, K]`.
    bias: broadcasts to `[B, K]`, or None.
  """

  h: Interval
  kernel: Array
  bias: Array | None = None


Eager = Array | Interval
Value = Eager | Product


class Step(NamedTuple):
  """An operation on values that depend on x.

  Attributes:
    name: of its primitive.
    eqn: the equation in the jaxpr.
    operands: its values.
    out: what it gave, an interval or a product.
  """

  name: str
  eqn: core.JaxprEqn
  operands: list[Value]
  out: Value


def propagate(
  model: Model, x: Interval, steps: list[Step] | None = None
) -> Interval | Product:
  """Bounds of the model's answer to any x in the interval.

  Args:
    model: see `interval_bounds.logit_bounds`.
    x: intervals of the pixels.
    steps: a list to which the operations that depend on x are added.

  Raises:
    ValueError: the model is not float32, does something that there is no rule
      for, or ignores x.
  """
  jaxpr = jax.make_jaxpr(model)(x.lower)
  steps = [] if steps is None else steps
  (out,) = _evaluate(jaxpr.jaxpr, jaxpr.consts, [x], steps)
  if isinstance(out, Interval | Product):
    return out
  raise ValueError("the model's answer does not depend on x: nothing to bound.")


def multiplied_out(value: Value) -> Interval:
  """The interval of a product; of a constant, the interval of one point."""
  if isinstance(value, Interval):
    return value
  if not isinstance(value, Product):
    return _point(value)
  out = linear(
    lambda h, kernel: h @ kernel, value.h, value.kernel, len(value.kernel)
  )
  return out if value.bias is None else add(out, _point(value.bias))


def _point(value: Array) -> Interval:
  return Interval(value, value)


def _evaluate(
  jaxpr: core.Jaxpr, consts: list[Any], args: list[Value], steps: list[Step]
) -> list[Any]:
  values = dict(zip(jaxpr.constvars, consts, strict=True))
  values |= dict(zip(jaxpr.invars, args, strict=True))
  read = lambda v: v.val if isinstance(v, core.Literal) else values[v]
  for eqn in jaxpr.eqns:
    out = _apply(eqn, [read(v) for v in eqn.invars], steps)
    values.update(zip(eqn.outvars, out, strict=True))
  return [read(v) for v in jaxpr.outvars]


def _apply(
  eqn: core.JaxprEqn, operands: list[Value], steps: list[Step]
) -> list[Any]:
  name = eqn.primitive.name.removeprefix("canonical_")
  if name in _CALLS:
    inner = eqn.params.get("jaxpr") or eqn.params["call_jaxpr"]
    if isinstance(inner, core.ClosedJaxpr):
      return _evaluate(inner.jaxpr, inner.consts, operands, steps)
    return _evaluate(inner, [], operands, steps)
  if not any(map(varies, operands)):
    out = eqn.primitive.bind(*operands, **eqn.params)
    return out if eqn.primitive.multiple_results else [out]
  _refuse_other_dtypes(eqn)
  steps.append(Step(name, eqn, operands, _bounded(name, eqn, operands)))
  return [steps[-1].out]


def _bounded(
  name: str, eqn: core.JaxprEqn, operands: list[Value]
) -> Interval | Product:
  if name in _LAZY:
    product = _LAZY[name](eqn, *operands)
    if product is not None:
      return product
  if name not in _RULES:
    raise ValueError(
      f"interval bounds have no rule for '{eqn.primitive.name}': expected "
      "dense layers, convolutions, relu, maxima, pooling, shapes, and sums, "
      "products and quotients with constants. In training, batch "
      "normalization by the batch's own statistics is none of these."
    )
  eager = [multiplied_out(v) if varies(v) else v for v in operands]
  return _RULES[name](eqn, *eager)


def varies(value: Value) -> bool:
  """Returns whether a bound depends on x."""
  return isinstance(value, Interval | Product)


def _refuse_other_dtypes(eqn: core.JaxprEqn) -> None:
  for dtype in {getattr(v.aval, "dtype", None) for v in eqn.outvars}:
    if dtype != jnp.float32:
      raise ValueError(
        f"interval bounds: '{eqn.primitive.name}' computes in {dtype}; "
        "expected float32, for which rounding is accounted: set "
        "config.precision = 'float32'."
      )


# What stays a product, where nothing but a bias follows.


def _as_product(eqn: core.JaxprEqn, h: Value, kernel: Value) -> Product | None:
  plain = eqn.params["dimension_numbers"] == (((1,), (0,)), ((), ()))
  if not plain or isinstance(kernel, Interval | Product):
    return None
  return Product(multiplied_out(h), kernel)


def _with_bias(
  eqn: core.JaxprEqn, product: Value, bias: Value
) -> Product | None:
  if not isinstance(product, Product) or product.bias is not None:
    return None
  if isinstance(bias, Interval | Product):
    return None
  return product._replace(bias=-bias if eqn.primitive.name == "sub" else bias)


# What is the same of both ends: it neither rounds nor turns them around.


def _monotone(eqn: core.JaxprEqn, *operands: Eager) -> Interval:
  def at(end: int) -> Array:
    picked = [v[end] if isinstance(v, Interval) else v for v in operands]
    return eqn.primitive.bind(*picked, **eqn.params)

  return Interval(at(0), at(1))


def _select(eqn: core.JaxprEqn, which: Eager, *cases: Eager) -> Interval:
  if isinstance(which, Interval):
    raise ValueError("interval bounds: a selection that depends on x.")
  return _monotone(eqn, which, *cases)


# Arithmetic, which rounds.


def _scaled(eqn: core.JaxprEqn, a: Eager, b: Eager) -> Interval:
  """A product or quotient with a constant."""
  if isinstance(a, Interval) and isinstance(b, Interval):
    raise ValueError(
      f"interval bounds have no rule for '{eqn.primitive.name}' of two values "
      "that depend on x: expected a constant, as in a layer at inference."
    )
  if eqn.primitive.name == "div" and isinstance(b, Interval):
    raise ValueError("interval bounds have no rule for 'div' by what varies.")
  ends = _monotone(eqn, a, b)
  lower, upper = jnp.minimum(*ends), jnp.maximum(*ends)
  return rounded(lower, upper)


def _of_kernel(eqn: core.JaxprEqn, x: Eager, kernel: Eager) -> Interval:
  """A convolution or matrix product."""
  if not isinstance(x, Interval) or isinstance(kernel, Interval):
    raise ValueError(
      f"interval bounds have no rule for '{eqn.primitive.name}' with a kernel "
      "that depends on x."
    )
  bind = lambda x, kernel: eqn.primitive.bind(x, kernel, **eqn.params)
  return linear(bind, x, kernel, _num_terms(eqn, kernel))


def _num_terms(eqn: core.JaxprEqn, kernel: Array) -> int:
  numbers = eqn.params["dimension_numbers"]
  if eqn.primitive.name == "dot_general":
    return math.prod(kernel.shape[axis] for axis in numbers[0][1])
  return kernel.size // kernel.shape[numbers.rhs_spec[0]]


def _summed(eqn: core.JaxprEqn, x: Interval) -> Interval:
  window = eqn.params.get("window_dimensions")
  summed = window or [x.lower.shape[axis] for axis in eqn.params["axes"]]
  bind = lambda x, _: eqn.primitive.bind(x, **eqn.params)
  return linear(bind, x, jnp.ones(()), math.prod(summed))


_CALLS = frozenset(
  {
    "checkpoint",
    "closed_call",
    "custom_jvp_call",
    "custom_vjp_call",
    "jit",
    "pjit",
  }
)
_LAZY: dict[str, Callable[..., Product | None]] = {
  "add": _with_bias,
  "dot_general": _as_product,
  "sub": _with_bias,
}
_RULES: dict[str, Callable[..., Interval]] = {
  "add": lambda _, a, b: add(multiplied_out(a), multiplied_out(b)),
  "broadcast_in_dim": _monotone,
  "concatenate": _monotone,
  "conv_general_dilated": _of_kernel,
  "convert_element_type": _monotone,
  "copy": _monotone,
  "div": _scaled,
  "dot_general": _of_kernel,
  "expand_dims": _monotone,
  "max": _monotone,
  "min": _monotone,
  "mul": _scaled,
  "neg": lambda _, a: negative(a),
  "pad": _monotone,
  "reduce_max": _monotone,
  "reduce_sum": _summed,
  "reduce_window_max": _monotone,
  "reduce_window_sum": _summed,
  "reshape": _monotone,
  "rev": _monotone,
  "select_n": _select,
  "slice": _monotone,
  "squeeze": _monotone,
  "sub": lambda _, a, b: add(multiplied_out(a), negative(multiplied_out(b))),
  "transpose": _monotone,
}
