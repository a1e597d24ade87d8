"""Normalization by fixed statistics, folded into the product before it."""

import collections
import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from robust_jax.rewritten import rewritten
from robust_jax.types import Array, PyTree

_CALLS = ("jit", "pjit", "checkpoint", "remat2")
_CONVERT = "convert_element_type"


def fold_normalization(fn: Callable[..., PyTree]) -> Callable[..., PyTree]:
  """Folds normalization by fixed statistics into the convolution before it.

  Where a convolution or matrix product with kernel W and bias b (or none) is
  normalized by statistics that are not those of its own outputs, as BatchNorm
  does with its running averages,

      gamma (conv(x, W) + b - mean) / sqrt(var + eps) + beta
        = conv(x, s W) + beta + s (b - mean),    s = gamma / sqrt(var + eps)

  and the right side takes no pass over the channels but one addition, which
  compilers fuse with what follows. Gradients to x have no pass of it either.

  It is found in the program of `fn`, whatever code it is written in, also
  within `jit` and `remat`: additions, multiplications, subtractions and
  divisions by one number per channel that does not depend on the arguments of
  `fn`, at least one of which multiplies or divides, and conversions to wider
  dtypes between them. A product whose output has another use, such as a
  shortcut, is left as it is, and so is a function without anything to fold, bit
  for bit.

  Kernels are scaled in float32 or wider before they are converted to the dtype
  of the computation. Results differ by the order of roundings.

  Args:
    fn: a function that closes over its parameters. It is traced at every call,
      see `rewritten`.

  Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for
  Efficient Integer-Arithmetic-Only Inference", section 3.2, equation 14.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models.fold_normalization import fold_normalization
    >>> kernel, var = jnp.ones((3, 2)), jnp.array([4.0, 16.0])
    >>> folded = fold_normalization(lambda x: x @ kernel / jnp.sqrt(var))
    >>> folded(jnp.ones((1, 3))).tolist()
    [[1.5, 0.75]]
    >>> str(jax.make_jaxpr(folded)(jnp.ones((5, 3)))).count("f32[5,2] = div")
    0
  """
  return rewritten(fn, _fold)


# JAX identifies jaxprs by object: shared ones must remain shared, and those
# seen before need not be compiled again.
_folded: weakref.WeakKeyDictionary[Any, dict] = weakref.WeakKeyDictionary()


def _fold(jaxpr, is_fixed: Sequence[bool] | None = None):
  """Folds in a jaxpr, open or closed; itself if there is nothing to fold.

  Args:
    jaxpr: the jaxpr.
    is_fixed: for each input, whether it is a parameter; None if none is.
  """
  if not isinstance(jaxpr, core.Jaxpr):  # closed, where JAX has two classes
    new = _fold(jaxpr.jaxpr, is_fixed)
    return jaxpr if new is jaxpr.jaxpr else jaxpr.replace(jaxpr=new)
  program = _Program(jaxpr, is_fixed or [False] * len(jaxpr.invars))
  eqns: list[core.JaxprEqn] = []
  folded: set[core.Var] = set()
  for eqn in program.others:
    if chain := _normalization_of(eqn, program):
      eqns += _folded_product(eqn, chain, program)
      folded.update(v for link in chain for v in link.outvars)
    elif folded.isdisjoint(eqn.outvars):
      eqns.append(_fold_within(eqn, program))
  if eqns == program.others:
    return jaxpr
  return jaxpr.replace(eqns=program.of_parameters + eqns)


def _fold_within(eqn, program: "_Program"):
  """The equation with what can be folded in the function that it calls."""
  if eqn.primitive.name not in _CALLS:
    return eqn
  inner = eqn.params["jaxpr"]
  is_fixed = tuple(map(program.is_fixed, eqn.invars))
  known = _folded.setdefault(inner, {})
  if is_fixed not in known:
    new = _fold(inner, is_fixed)
    if new is inner:
      return eqn
    known[is_fixed] = new
  return eqn.replace(params={**eqn.params, "jaxpr": known[is_fixed]})


class _Program:
  """A jaxpr, with what its variables are made of and used for.

  Attributes:
    of_parameters: equations that do not depend on inputs other than parameters,
      and so may precede all others.
    others: the other equations.
  """

  def __init__(self, jaxpr: core.Jaxpr, is_fixed: Sequence[bool]):
    self.of_parameters: list[core.JaxprEqn] = []
    self.others: list[core.JaxprEqn] = []
    # Variables that do not depend on the inputs, and the equations of them.
    inputs = itertools.compress(jaxpr.invars, is_fixed)
    self._fixed: dict[Any, Any] = dict.fromkeys((*jaxpr.constvars, *inputs))
    # Variables, and the equations that take them: each as often as it does,
    # and None for an output.
    self._users: dict[Any, list] = collections.defaultdict(list)
    for eqn in jaxpr.eqns:
      fixed = not eqn.effects and all(map(self.is_fixed, eqn.invars))
      (self.of_parameters if fixed else self.others).append(eqn)
      if fixed:
        self._fixed.update(dict.fromkeys(eqn.outvars, eqn))
      self._add_users(eqn.invars, eqn)
    self._add_users(jaxpr.outvars, None)

  def _add_users(self, atoms, eqn):
    for v in atoms:
      if isinstance(v, core.Var):
        self._users[v].append(eqn)

  def is_fixed(self, v) -> bool:
    """Returns whether it is a constant or made of parameters alone."""
    return isinstance(v, core.Literal) or v in self._fixed

  def only_user(self, v):
    """The only equation that takes a variable, or None."""
    users = self._users[v]
    return users[0] if len(users) == 1 else None

  def unconverted(self, v):
    """Returns what a parameter was converted from to its dtype."""
    eqn = None if isinstance(v, core.Literal) else self._fixed[v]
    is_converted = eqn is not None and eqn.primitive.name == _CONVERT
    return eqn.invars[0] if is_converted else v


def _normalization_of(product, program: _Program) -> list[core.JaxprEqn]:
  """The equations that normalize a product, in their order; [] if none do."""
  axes = _channel_axes(product)
  if axes is None or not program.is_fixed(product.invars[1]):
    return []
  chain: list[core.JaxprEqn] = []
  (y,) = product.outvars
  while (eqn := program.only_user(y)) and _is_affine(eqn, y, axes[0], program):
    chain.append(eqn)
    (y,) = eqn.outvars
  while chain and chain[-1].primitive.name == _CONVERT:
    chain.pop()
  return chain if any(map(_scales_channels, chain)) else []


def _channel_axes(eqn) -> Any:
  """The axes of the channels in a product and in its kernel, or None."""
  numbers = eqn.params.get("dimension_numbers")
  if eqn.primitive.name == "conv_general_dilated":
    return numbers.out_spec[1], numbers.rhs_spec[0]
  if eqn.primitive.name != "dot_general":
    return None
  (_, contracted), (_, batch) = numbers
  free = set(range(eqn.invars[1].aval.ndim)) - {*contracted}
  if batch or len(free) != 1:
    return None
  return eqn.outvars[0].aval.ndim - 1, *free


def _is_affine(eqn, y, axis: int, program: _Program) -> bool:
  """Is True if it changes channels of y by a number each, or widens dtypes."""
  (out,) = eqn.outvars
  if eqn.primitive.name == _CONVERT:
    return jnp.promote_types(y.aval.dtype, out.aval.dtype) == out.aval.dtype
  if eqn.primitive.name not in ("add", "sub", "mul", "div"):
    return False
  first, second = eqn.invars
  other = second if first is y else first
  if eqn.primitive.name in ("sub", "div") and other is first:
    return False
  sizes = enumerate(other.aval.shape)
  is_one_each = all(size == 1 for i, size in sizes if i != axis)
  return (
    program.is_fixed(other) and is_one_each and out.aval.shape == y.aval.shape
  )


def _scales_channels(eqn) -> bool:
  """Is True if each channel is multiplied by a number of its own."""
  is_scaling = eqn.primitive.name in ("mul", "div")
  return is_scaling and all(v.aval.ndim for v in eqn.invars)


def _folded_product(product, chain, program: _Program) -> list[core.JaxprEqn]:
  """The equations of a product with its normalization."""
  x, kernel = product.invars
  statistics = [v for eqn in chain for v in eqn.invars if program.is_fixed(v)]
  inputs = [x, program.unconverted(kernel), *statistics]

  def normalize(y: Array, statistics: Sequence[Array]) -> Array:
    others = iter(statistics)
    for eqn in chain:
      fixed = map(program.is_fixed, eqn.invars)
      operands = [next(others) if one else y for one in fixed]
      y = eqn.primitive.bind(*operands, **eqn.params)
    return y

  def compute(x: Array, weights: Array, *statistics: Array) -> Array:
    scale, bias = _scale_and_bias(lambda y: normalize(y, statistics), product)
    wide = jnp.promote_types(scale.dtype, jnp.float32)
    weights = weights.astype(wide) * scale.astype(wide)
    weights = weights.astype(kernel.aval.dtype)
    out = product.primitive.bind(x, weights, **product.params)
    return out.astype(bias.dtype) + bias

  shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in inputs]
  jaxpr = jax.make_jaxpr(compute)(*shapes).jaxpr
  names = dict(zip(jaxpr.invars, inputs, strict=True))
  names |= dict(zip(jaxpr.outvars, chain[-1].outvars, strict=True))

  def renamed(atoms):
    return [
      v if isinstance(v, core.Literal) else names.get(v, v) for v in atoms
    ]

  return [
    eqn.replace(invars=renamed(eqn.invars), outvars=renamed(eqn.outvars))
    for eqn in jaxpr.eqns
  ]


def _scale_and_bias(normalize, product) -> tuple[Array, Array]:
  """Those of a normalization, of the shapes of the kernel and of the output."""
  (y,), (axis, kernel_axis) = product.outvars, _channel_axes(product)
  channels = y.aval.shape[axis]

  def one_each(ndim: int, axis: int) -> list[int]:
    return [channels if i == axis else 1 for i in range(ndim)]

  shape = one_each(y.aval.ndim, axis)
  zeros, ones = (jnp.full(shape, v, y.aval.dtype) for v in (0, 1))
  # It is affine: the bias is its value at 0, and the scale its derivative.
  bias, scale = jax.jvp(normalize, (zeros,), (ones,))
  shape = one_each(product.invars[1].aval.ndim, kernel_axis)
  return scale.reshape(shape), bias
