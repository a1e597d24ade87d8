"""Convolutions and max pooling in the form XLA's CPU compiler is fast at.

XLA has a fast CPU kernel for a convolution whose images are `[B, *space, C]`
and whose kernel is `[*space, I, O]`. It brings other convolutions to that form
only where they stand in the entry computation of a program, not in the body of
a loop. The derivatives of a convolution are of another form, so they are many
times slower inside `fori_loop` and `scan`, where attacks have them, than
outside; the derivative of max pooling, a select-and-scatter, always is.

The remedy is *twins*. The twin of a primitive means the same, takes the same
parameters and compiles to the fast form; its derivatives and its batching are
those JAX has for the primitive, again with twins. To make a function fast is
then to put twins in its jaxpr, and all arithmetic on paddings stays JAX's.
"""

import math
import weakref
from collections.abc import Callable, Sequence
from functools import partial, wraps

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core
from jax.extend import linear_util as lu
from jax.extend.core import primitives
from jax.interpreters import ad, batching, mlir

from robust_jax.types import Array, PyTree
from robust_jax.xla_cpu._convolution import convolution


def canonicalize(fn: Callable) -> Callable:
  """The same function, its convolutions and max pooling fast in CPU loops.

  Rewritten are convolutions (of any stride, padding, dilation, group count,
  order of dimensions and rank; transposed ones; derivatives) and max pooling
  whose windows tile the input (strides equal to the window, no dilation),
  also within `jit`, `scan`, `while_loop`, `cond`, `remat` and functions with
  custom derivatives; of the last, the rules are rewritten if the function is.
  Everything else is left as it stands.

  The result transforms like any function, in forward mode and to higher
  orders too. Values and gradients are bit for bit what XLA computes from `fn`
  outside of a loop, the choice among equal maxima included (the first, which
  forward mode takes here too and not always in JAX). Only convolutions that
  `fast_convolution` takes apart (few channels, dilated inputs as in gradients
  of strided ones, groups) add up in another order.

  `fn` is traced at every call, as in `jax.grad`: apply `jax.jit` outside.
  Arrays among the arguments are traced; other leaves (Python numbers, strings)
  reach `fn` as they are. Whether the backend is one to do this for is the
  caller's to decide.
  """

  @wraps(fn)
  def canonical(*args, **kwargs):
    arrays, put_inputs = _split((args, kwargs))
    put_outputs = None

    def on_arrays(*arrays):
      nonlocal put_outputs
      args, kwargs = put_inputs(arrays)
      outputs, put_outputs = _split(fn(*args, **kwargs))
      return outputs

    jaxpr = _with_twins(jax.make_jaxpr(on_arrays)(*arrays))
    return put_outputs(core.jaxpr_as_fun(jaxpr)(*arrays))

  return canonical


def _split(tree: PyTree) -> tuple[list, Callable[[Sequence], PyTree]]:
  """The arrays of a tree, and the function that puts others in their place."""
  leaves, treedef = jax.tree.flatten(tree)
  arrays, others = {}, {}
  for i, leaf in enumerate(leaves):
    is_array = isinstance(leaf, jax.Array | np.ndarray | np.generic)
    (arrays if is_array else others)[i] = leaf
  places = list(arrays)

  def put(arrays):
    filled = others | dict(zip(places, arrays, strict=True))
    return treedef.unflatten(filled[i] for i in sorted(filled))

  return list(arrays.values()), put


# Twins take their places in a jaxpr. JAX knows a jaxpr by its identity: one
# that is shared must stay shared, and one seen before need not compile again.
_rewritten = weakref.WeakKeyDictionary()


def _with_twins(jaxpr):
  """The jaxpr, open or closed, with twins; itself if none has a place in it."""
  if not any(map(_has_place, jaxpr.eqns)):
    return jaxpr
  if jaxpr not in _rewritten:
    if isinstance(jaxpr, core.Jaxpr):
      new = jaxpr.replace(eqns=[_eqn_with_twins(eqn) for eqn in jaxpr.eqns])
    else:
      new = jaxpr.replace(jaxpr=_with_twins(jaxpr.jaxpr))
    _rewritten[jaxpr] = new
  return _rewritten[jaxpr]


def _has_place(eqn) -> bool:
  inner = core.jaxprs_in_params(eqn.params)
  return _twin_of(eqn) is not None or any(
    _has_place(eqn) for jaxpr in inner for eqn in jaxpr.eqns
  )


def _eqn_with_twins(eqn):
  if twin := _twin_of(eqn):
    return eqn.replace(primitive=twin)
  if _has_place(eqn):
    params = {k: _param_with_twins(v, k) for k, v in eqn.params.items()}
    return eqn.replace(params=params)
  return eqn


def _twin_of(eqn):
  """What may stand for the equation's primitive: a twin, or None."""
  twin, params = _TWINS.get(eqn.primitive), eqn.params
  if twin is None or eqn.primitive is primitives.conv_general_dilated_p:
    return twin
  tiles = (
    params["window_strides"] == params["window_dimensions"]
    and set(params.get("base_dilation", ())) <= {1}
    and set(params.get("window_dilation", ())) <= {1}
    and params.get("select_prim", lax.ge_p) is lax.ge_p  # not of min pooling
  )
  return twin if tiles else None


def _param_with_twins(value, name: str = ""):
  if isinstance(value, core.Jaxpr | core.ClosedJaxpr):
    return _with_twins(value)
  if type(value) in (tuple, list):
    return type(value)(map(_param_with_twins, value))
  if isinstance(value, lu.WrappedFun):  # a rule of custom_jvp or custom_vjp
    if name == "bwd":
      rule = canonicalize(value.call_wrapped)
    else:  # one that returns the jaxpr of what is to be computed
      rule = lambda *args: _param_with_twins(value.call_wrapped(*args))
    return lu.wrap_init(rule, debug_info=value.debug_info)
  return value


# What a twin is.


def _twin(primitive, form: Callable):
  """A primitive that means what `primitive` means and is computed by `form`."""
  twin = core.Primitive(f"canonical_{primitive.name}")
  twin.def_impl(form)
  twin.def_effectful_abstract_eval(primitive.abstract_eval)
  mlir.register_lowering(twin, mlir.lower_fun(form, multiple_results=False))
  for rules in (
    ad.primitive_jvps,
    ad.primitive_transposes,
    batching.fancy_primitive_batchers,
  ):
    if primitive in rules:
      rules[twin] = partial(_apply_with_twins, rules[primitive])
  return twin


def _apply_with_twins(rule: Callable, *args, **params):
  return canonicalize(partial(rule, **params))(*args)


# The forms that are fast, of pooling.


def _max_pool(x, *, window_dimensions, padding, **_):
  tiles = _tiles(x, window_dimensions, padding, _lowest(x.dtype))
  return tiles.max(_within(tiles))


def _gather_at_max(values, x, *, window_dimensions, padding, **_):
  """From each window of `values` the one that stands where `x` is largest."""
  is_max = _is_first_max(x, window_dimensions, padding)
  tiles = _tiles(values, window_dimensions, padding, 0)
  return jnp.where(is_max, tiles, 0).sum(_within(tiles))


def _scatter_to_max(values, x, *, window_dimensions, padding, **_):
  """In each window its value where `x` is largest, and zeros."""
  is_max = _is_first_max(x, window_dimensions, padding)
  tiles = jnp.where(is_max, jnp.expand_dims(values, _within(is_max)), 0)
  whole = tiles.reshape(np.multiply(values.shape, window_dimensions))
  edges = _edges(x.shape, window_dimensions, padding)
  return lax.pad(whole, whole.dtype.type(0), [(-a, -b, 0) for a, b, _ in edges])


def _is_first_max(x: Array, window: Sequence[int], padding) -> Array:
  """Over the tiles of `x`: True at the first of the largest in each."""
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
  """The axes of tiles that run within a window."""
  return tuple(range(1, tiles.ndim, 2))


def _edges(shape: Sequence[int], window: Sequence[int], padding) -> list:
  """What `lax.pad` is to add, or to take away, for whole windows."""
  return [
    (low, (low + size + high) // w * w - low - size, 0)
    for size, w, (low, high) in zip(shape, window, padding, strict=True)
  ]


def _lowest(dtype):
  if jnp.issubdtype(dtype, jnp.floating):
    return -jnp.inf
  return jnp.iinfo(dtype).min if jnp.issubdtype(dtype, jnp.integer) else False


_TWINS = {
  primitive: _twin(primitive, form)
  for primitive, form in {
    primitives.conv_general_dilated_p: convolution,
    primitives.reduce_window_max_p: _max_pool,
    primitives.select_and_gather_add_p: _gather_at_max,
    primitives.select_and_scatter_add_p: _scatter_to_max,
  }.items()
}


def canonicalize_on_cpu(fn: Callable) -> Callable:
  """`canonicalize(fn)` on the CPU backend, `fn` itself on any other."""
  return canonicalize(fn) if jax.default_backend() == "cpu" else fn
