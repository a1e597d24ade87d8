import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core
from jax.extend.core import primitives as P
from jax.interpreters import ad, batching, mlir


def rewrite(jaxpr):
  if not isinstance(jaxpr, core.Jaxpr):
    new = rewrite(jaxpr.jaxpr)
    return jaxpr if new is jaxpr.jaxpr else jaxpr.replace(jaxpr=new)
  eqns = [rewrite_eqn(e) for e in jaxpr.eqns]
  if all(a is b for a, b in zip(eqns, jaxpr.eqns)):
    return jaxpr
  return jaxpr.replace(eqns=eqns)


def rewrite_param(v):
  if isinstance(v, (core.Jaxpr, core.ClosedJaxpr)):
    return rewrite(v)
  if type(v) in (tuple, list):
    new = type(v)(map(rewrite_param, v))
    return v if all(a is b for a, b in zip(new, v)) else new
  return v


def rewrite_eqn(eqn):
  twin = TWINS.get(eqn.primitive)
  if twin and twin[1](**eqn.params):
    return eqn.replace(primitive=twin[0])
  params = {k: rewrite_param(v) for k, v in eqn.params.items()}
  if all(params[k] is v for k, v in eqn.params.items()):
    return eqn
  return eqn.replace(params=params)


def canonicalize(fn):
  @functools.wraps(fn)
  def canonical(*args, **kwargs):
    leaves, tree = jax.tree.flatten((args, kwargs))

    def flat(*l):
      a, k = jax.tree.unflatten(tree, l)
      return fn(*a, **k)

    closed, shape = jax.make_jaxpr(flat, return_shape=True)(*leaves)
    closed = rewrite(closed)
    out = jax.core.eval_jaxpr(closed.jaxpr, closed.consts, *leaves)
    return jax.tree.unflatten(jax.tree.structure(shape), out)

  return canonical


def make_twin(prim, form):
  twin = core.Primitive("canonical_" + prim.name)
  twin.def_impl(form)
  twin.def_effectful_abstract_eval(prim.abstract_eval)
  mlir.register_lowering(twin, mlir.lower_fun(form, multiple_results=False))

  def jvp(primals, tangents, **params):
    moving = [i for i, t in enumerate(tangents) if type(t) is not ad.Zero]

    def f(*xs):
      a = list(primals)
      for i, x in zip(moving, xs):
        a[i] = x
      return prim.bind(*a, **params)

    return canonicalize(lambda p, t: jax.jvp(f, p, t))(
      [primals[i] for i in moving], [tangents[i] for i in moving]
    )

  ad.primitive_jvps[twin] = jvp

  def transpose(ct, *args, **params):
    linear = [ad.is_undefined_primal(a) for a in args]
    if type(ct) is ad.Zero:
      return [ad.Zero(a.aval) if l else None for a, l in zip(args, linear)]

    def f(*xs):
      xs = iter(xs)
      return prim.bind(
        *[next(xs) if l else a for a, l in zip(args, linear)], **params
      )

    avals = [a.aval for a, l in zip(args, linear) if l]
    cts = iter(canonicalize(lambda ct: jax.linear_transpose(f, *avals)(ct))(ct))
    return [next(cts) if l else None for l in linear]

  ad.primitive_transposes[twin] = transpose

  def batch(args, dims, **params):
    return canonicalize(
      jax.vmap(functools.partial(prim.bind, **params), in_axes=tuple(dims))
    )(*args), 0

  batching.primitive_batchers[twin] = batch
  return twin


def conv_form(
  lhs,
  rhs,
  *,
  dimension_numbers,
  feature_group_count,
  batch_group_count,
  **params,
):
  ls, rs, os_ = dimension_numbers
  n = lhs.ndim
  lhs = lax.transpose(lhs, (ls[0], *ls[2:], ls[1]))
  rhs = lax.transpose(rhs, (*rs[2:], rs[1], rs[0]))
  g = batch_group_count
  if g > 1:
    b, *space, c = lhs.shape
    lhs = jnp.moveaxis(lhs.reshape(g, b // g, *space, c), 0, -2).reshape(
      b // g, *space, g * c
    )
    feature_group_count = g
  sp = tuple(range(1, n - 1))
  nhwc = (0, n - 1, *sp)
  hwio = (n - 1, n - 2, *range(n - 2))
  out = P.conv_general_dilated_p.bind(
    lhs,
    rhs,
    dimension_numbers=lax.ConvDimensionNumbers(nhwc, hwio, nhwc),
    feature_group_count=feature_group_count,
    batch_group_count=1,
    **params,
  )
  inv = [0] * n
  for i, a in enumerate((os_[0], *os_[2:], os_[1])):
    inv[a] = i
  return lax.transpose(out, inv)


def lowest(dtype):
  if dtype == bool:
    return False
  return (
    -jnp.inf if jnp.issubdtype(dtype, jnp.inexact) else jnp.iinfo(dtype).min
  )


def fit(x, window, padding, fill):
  config = [
    (lo, (lo + s + hi) // w * w - s - lo, 0)
    for s, w, (lo, hi) in zip(x.shape, window, padding)
  ]
  return lax.pad(x, jnp.asarray(fill, x.dtype), config), [
    (-lo, -hi, 0) for lo, hi, _ in config
  ]


def offsets(x, window):
  return [
    x[tuple(slice(o, None, w) for o, w in zip(off, window))]
    for off in itertools.product(*map(range, window))
  ]


def winner(operand, window, padding):
  x, _ = fit(operand, window, padding, lowest(operand.dtype))
  best, *rest = offsets(x, window)
  index = jnp.zeros(best.shape, IDX)
  for k, y in enumerate(rest, 1):
    keep = best >= y
    best, index = jnp.where(keep, best, y), jnp.where(keep, index, k)
  return index


IDX = jnp.int32


def max_form(x, *, window_dimensions, padding, **_):
  x, _ = fit(x, window_dimensions, padding, lowest(x.dtype))
  return functools.reduce(lax.max, offsets(x, window_dimensions))


def gather_form(tangents, operand, *, window_dimensions, padding, **_):
  index = winner(operand, window_dimensions, padding)
  t, _ = fit(tangents, window_dimensions, padding, 0)
  ts = offsets(t, window_dimensions)
  return functools.reduce(
    lambda acc, kt: jnp.where(index == kt[0], kt[1], acc),
    list(enumerate(ts))[1:],
    ts[0],
  )


def scatter_form(source, operand, *, window_dimensions, padding, **_):
  index = winner(operand, window_dimensions, padding)
  n = len(window_dimensions)
  shape = [d for s, w in zip(source.shape, window_dimensions) for d in (s, w)]
  ex = lambda a: lax.broadcast_in_dim(a, shape, tuple(range(0, 2 * n, 2)))
  pos = np.arange(np.prod(window_dimensions), dtype=IDX).reshape(
    [d for w in window_dimensions for d in (1, w)]
  )
  if MODE == "bcast":
    out = jnp.where(ex(index) == pos, ex(source), 0)
    out = out.reshape([s * w for s, w in zip(source.shape, window_dimensions)])
  elif MODE == "pads":
    out = 0
    w = window_dimensions
    for k, off in enumerate(itertools.product(*map(range, w))):
      out = out + lax.pad(
        jnp.where(index == k, source, 0),
        jnp.zeros((), source.dtype),
        [(o, w_ - 1 - o, w_ - 1) for o, w_ in zip(off, w)],
      )
  elif MODE == "stack":
    w = window_dimensions
    parts = [jnp.where(index == k, source, 0) for k in range(int(np.prod(w)))]
    axes = [i for i in range(n) if w[i] > 1]

    def merge(parts, axes):
      if not axes:
        return parts[0]
      m = len(parts) // w[axes[0]]
      subs = [
        merge(parts[i * m : (i + 1) * m], axes[1:]) for i in range(w[axes[0]])
      ]
      a = axes[0]
      st = jnp.stack(subs, a + 1)
      return st.reshape(*st.shape[:a], -1, *st.shape[a + 2 :])

    out = merge(parts, axes)
  elif MODE == "iota":
    x = None
    up = lambda a: ex(a).reshape(
      [s * w for s, w in zip(source.shape, window_dimensions)]
    )
    p = sum(
      (jax.lax.broadcasted_iota(IDX, up(index).shape, i) % w)
      * int(np.prod(window_dimensions[i + 1 :]))
      for i, w in enumerate(window_dimensions)
      if w > 1
    )
    out = jnp.where(up(index) == p, up(source), 0)
  _, back = fit(operand, window_dimensions, padding, lowest(operand.dtype))
  return lax.pad(out, jnp.zeros((), out.dtype), back)


MODE = "bcast"


def nonoverlap(
  window_dimensions,
  window_strides,
  base_dilation=(),
  window_dilation=(),
  select_prim=lax.ge_p,
  **_,
):
  return (
    window_dimensions == window_strides
    and set((*base_dilation, *window_dilation)) <= {1}
    and select_prim is lax.ge_p
  )


TWINS = {}
TWINS.update(
  {
    P.conv_general_dilated_p: (
      make_twin(P.conv_general_dilated_p, conv_form),
      lambda **_: True,
    ),
    P.reduce_window_max_p: (
      make_twin(P.reduce_window_max_p, max_form),
      nonoverlap,
    ),
    P.select_and_gather_add_p: (
      make_twin(P.select_and_gather_add_p, gather_form),
      nonoverlap,
    ),
    P.select_and_scatter_add_p: (
      make_twin(P.select_and_scatter_add_p, scatter_form),
      nonoverlap,
    ),
  }
)


def canonicalize_on_cpu(fn):
  return canonicalize(fn) if jax.default_backend() == "cpu" else fn
