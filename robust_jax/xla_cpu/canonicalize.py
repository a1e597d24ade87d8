"""Convolutions and max pooling in the form that XLA's CPU compiler makes fast.

XLA has a fast CPU kernel for convolutions with images `[B, *space, C]` and
kernels `[*space, I, O]`. It transforms other convolutions to that form only in
the entry computation of a program, not in the body of a loop. The derivatives
of a convolution have another form, so inside the `fori_loop` and `scan` of
attacks they are many times slower than outside. The derivative of max pooling,
a select-and-scatter, is always slow.

The remedy are substitute primitives. The substitute of a primitive has the same
meaning and parameters, and compiles to the fast form. Its derivatives and
batching rules are those of JAX for the primitive, with substitutes in them. A
function is made fast by replacing primitives by their substitutes in its jaxpr,
and all arithmetic of paddings remains JAX's.
"""

import math
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core
from jax.extend import linear_util as lu
from jax.extend.core import primitives
from jax.interpreters import ad, batching, mlir

from robust_jax.rewritten import rewritten
from robust_jax.types import Array
from robust_jax.xla_cpu._convolution import convolution


def canonicalize(fn: Callable) -> Callable:
  """Makes convolutions and max pooling of a function fast inside CPU loops.

  It rewrites convolutions (of any stride, padding, dilation, group count, order
  of dimensions and rank; transposed ones; derivatives) and max pooling whose
  windows tile the input (strides equal to the window, no dilation), also within
  `jit`, `scan`, `while_loop`, `cond`, `remat` and functions with custom
  derivatives, whose rules are rewritten if the function is. Everything else is
  unchanged.

  The result can be transformed like any function, in forward mode and to higher
  orders. Values and gradients are equal bit for bit to those that XLA computes
  from `fn` outside a loop, including the choice among equal maxima (the first,
  which JAX's forward mode does not always take). Only convolutions that
  `_convolution` decomposes (few channels, dilated inputs as in gradients of
  strided ones, groups) sum in another order.

  `fn` is traced at every call, as in `jax.grad`: apply `jax.jit` outside.
  Arrays among the arguments are traced; other leaves (Python numbers, strings)
  are passed to `fn` as they are. The caller decides whether the backend needs
  it.

  Args:
    fn: the function.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.xla_cpu.canonicalize import canonicalize
    >>> canonicalize(lambda x: 2 * x)(jnp.ones(2))
    Array([2., 2.], dtype=float32)
  """
  return rewritten(fn, _with_substitutes)


# JAX identifies jaxprs by object: shared ones must remain shared, and those
# seen before need not be compiled again.
_rewritten: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def _with_substitutes(jaxpr):
  """The jaxpr, open or closed, with substitutes; itself if it needs none."""
  if not any(map(_needs_substitute, jaxpr.eqns)):
    return jaxpr
  if jaxpr not in _rewritten:
    if isinstance(jaxpr, core.Jaxpr):
      new = jaxpr.replace(
        eqns=[_eqn_with_substitutes(eqn) for eqn in jaxpr.eqns]
      )
    else:
      new = jaxpr.replace(jaxpr=_with_substitutes(jaxpr.jaxpr))
    _rewritten[jaxpr] = new
  return _rewritten[jaxpr]


def _needs_substitute(eqn) -> bool:
  inner = core.jaxprs_in_params(eqn.params)
  return _substitute_for(eqn) is not None or any(
    _needs_substitute(eqn) for jaxpr in inner for eqn in jaxpr.eqns
  )


def _eqn_with_substitutes(eqn):
  if substitute := _substitute_for(eqn):
    return eqn.replace(primitive=substitute)
  if _needs_substitute(eqn):
    params = {k: _param_with_substitutes(v, k) for k, v in eqn.params.items()}
    return eqn.replace(params=params)
  return eqn


def _substitute_for(eqn):
  """The substitute of the equation's primitive, or None."""
  substitute, params = _SUBSTITUTES.get(eqn.primitive), eqn.params
  if substitute is None or eqn.primitive is primitives.conv_general_dilated_p:
    return substitute
  tiles = (
    params["window_strides"] == params["window_dimensions"]
    and set(params.get("base_dilation", ())) <= {1}
    and set(params.get("window_dilation", ())) <= {1}
    and params.get("select_prim", lax.ge_p) is lax.ge_p  # not of min pooling
  )
  return substitute if tiles else None


def _param_with_substitutes(value, name: str = ""):
  if isinstance(value, core.Jaxpr | core.ClosedJaxpr):
    return _with_substitutes(value)
  if type(value) in (tuple, list):
    return type(value)(map(_param_with_substitutes, value))
  if isinstance(value, lu.WrappedFun):  # a rule of custom_jvp or custom_vjp
    if name == "bwd":
      rule = canonicalize(value.call_wrapped)
    else:  # one that returns the jaxpr of the result
      rule = lambda *args: _param_with_substitutes(value.call_wrapped(*args))
    return lu.wrap_init(rule, debug_info=value.debug_info)
  return value


# Substitute primitives.


def _make_substitute(primitive, form: Callable):
  """A primitive with the meaning of `primitive`, computed by `form`."""
  substitute = core.Primitive(f"canonical_{primitive.name}")
  substitute.def_impl(form)
  substitute.def_effectful_abstract_eval(primitive.abstract_eval)
  mlir.register_lowering(
    substitute, mlir.lower_fun(form, multiple_results=False)
  )
  for rules in (
    ad.primitive_jvps,
    ad.primitive_transposes,
    batching.fancy_primitive_batchers,
  ):
    if primitive in rules:
      rules[substitute] = partial(_apply_with_substitutes, rules[primitive])
  return substitute


def _apply_with_substitutes(rule: Callable, *args, **params):
  return canonicalize(partial(rule, **params))(*args)


# The fast forms of pooling.


def _max_pool(x, *, window_dimensions, padding, **_):
  tiles = _tiles(x, window_dimensions, padding, _lowest(x.dtype))
  return tiles.max(_within(tiles))


def _gather_at_max(values, x, *, window_dimensions, padding, **_):
  """The entry of each window of `values` at the maximum of `x`."""
  is_max = _is_first_max(x, window_dimensions, padding)
  tiles = _tiles(values, window_dimensions, padding, 0)
  return jnp.where(is_max, tiles, 0).sum(_within(tiles))


def _scatter_to_max(values, x, *, window_dimensions, padding, **_):
  """Each window's value at the maximum of `x`, zeros elsewhere."""
  is_max = _is_first_max(x, window_dimensions, padding)
  tiles = jnp.where(is_max, jnp.expand_dims(values, _within(is_max)), 0)
  whole = tiles.reshape(np.multiply(values.shape, window_dimensions))
  edges = _edges(x.shape, window_dimensions, padding)
  return lax.pad(whole, whole.dtype.type(0), [(-a, -b, 0) for a, b, _ in edges])


def _is_first_max(x: Array, window: Sequence[int], padding) -> Array:
  """Over the tiles of `x`: True at the first of the largest entries of each."""
  tiles = _tiles(x, window, padding, _lowest(x.dtype))
  within = _within(tiles)
  order = np.arange(math.prod(window)).reshape(window)
  order = np.expand_dims(order.astype(np.int32), tuple(range(0, tiles.ndim, 2)))
  is_max = tiles == tiles.max(within, keepdims=True)
  first = jnp.where(is_max, order, order.size).min(within, keepdims=True)
  return order == first


def _tiles(x: Array, window: Sequence[int], padding, fill) -> Array:
  """`[A, ...]` -> `[A / w, w, ...]`, padded and cropped to whole windows."""
  edges = _edges(x.shape, window, padding)
  x = lax.pad(x, jnp.asarray(fill, x.dtype), edges)
  return x.reshape(np.stack([np.floor_divide(x.shape, window), window], 1).flat)


def _within(tiles: Array) -> tuple[int, ...]:
  """The axes of tiles within a window."""
  return tuple(range(1, tiles.ndim, 2))


def _edges(shape: Sequence[int], window: Sequence[int], padding) -> list:
  """Arguments of `lax.pad` that complete or crop the last windows."""
  return [
    (low, (low + size + high) // w * w - low - size, 0)
    for size, w, (low, high) in zip(shape, window, padding, strict=True)
  ]


def _lowest(dtype):
  if jnp.issubdtype(dtype, jnp.floating):
    return -jnp.inf
  return jnp.iinfo(dtype).min if jnp.issubdtype(dtype, jnp.integer) else False


_FORMS: dict[core.Primitive, Callable[..., Array]] = {
  primitives.conv_general_dilated_p: convolution,
  primitives.reduce_window_max_p: _max_pool,
  primitives.select_and_gather_add_p: _gather_at_max,
  primitives.select_and_scatter_add_p: _scatter_to_max,
}
_SUBSTITUTES = {
  primitive: _make_substitute(primitive, form)
  for primitive, form in _FORMS.items()
}


def canonicalize_on_cpu(fn: Callable) -> Callable:
  """`canonicalize(fn)` on the CPU backend, otherwise `fn` itself."""
  return canonicalize(fn) if jax.default_backend() == "cpu" else fn
