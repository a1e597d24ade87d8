"""canonicalize changes how fast a function is and nothing else."""

import logging
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.extend.core import Primitive

from robust_jax.xla_cpu.canonicalize import canonicalize

NHWC = ("NHWC", "HWIO", "NHWC")
CONVOLUTIONS = {
  "same": ((2, 8, 8, 9), (3, 3, 9, 10), {"padding": "SAME"}),
  "many channels": ((16, 8, 8, 16), (5, 5, 16, 32), {"padding": "SAME"}),
  "padding": ((2, 9, 8, 9), (3, 2, 9, 10), {"padding": ((2, 0), (1, 3))}),
  "cropping": ((2, 9, 8, 9), (3, 2, 9, 10), {"padding": ((-1, 0), (1, -2))}),
  "dilated kernel": (
    (2, 9, 8, 3),
    (3, 2, 3, 4),
    {"window_strides": (1, 2), "rhs_dilation": (2, 3), "padding": "SAME"},
  ),
  "no dimension": (
    (2, 3),
    (3, 4),
    {"window_strides": (), "dimension_numbers": ("NC", "IO", "NC")},
  ),
  "lax.conv": (
    (2, 9, 8, 8),
    (10, 9, 3, 3),
    {"padding": "SAME", "dimension_numbers": ("NCHW", "OIHW", "NCHW")},
  ),
}
# Taken apart: the same terms are added up in another order.
APART = {
  "one channel": ((2, 8, 8, 1), (3, 3, 1, 9), {"padding": "SAME"}),
  "one channel, strides": (
    (2, 28, 28, 1),
    (4, 4, 1, 16),
    {"window_strides": (2, 2), "padding": ((1, 1), (1, 1))},
  ),
  "few outputs": ((2, 8, 8, 9), (3, 2, 9, 3), {"padding": ((2, 0), (-1, 3))}),
  "beyond the image": ((2, 4, 3, 9), (5, 5, 9, 10), {"padding": "SAME"}),
  "strides": ((2, 9, 8, 9), (3, 2, 9, 10), {"window_strides": (2, 3)}),
  "odd order": (
    (8, 3, 2, 7),
    (4, 3, 3, 3),
    {"padding": "SAME", "dimension_numbers": ("HCNW", "OHIW", "WNCH")},
  ),
  "strides beyond the kernel": (
    (2, 9, 9, 9),
    (1, 1, 9, 10),
    {"window_strides": (3, 2)},
  ),
  "transposed": (
    (2, 5, 4, 3),
    (3, 2, 3, 9),
    {"lhs_dilation": (2, 2), "padding": ((1, 2), (2, 1))},
  ),
  "transposed, of whole dilations": (
    (2, 5, 4, 3),
    (4, 5, 3, 9),
    {"lhs_dilation": (2, 3), "padding": ((-1, 3), (2, -2))},
  ),
  "transposed and cropped": (
    (2, 5, 4, 3),
    (2, 2, 3, 9),
    {"lhs_dilation": (3, 1), "padding": ((-1, 2), (1, -2))},
  ),
  "kernel of a transposed one": (
    (3, 4, 5, 2),
    (8, 10, 2, 9),
    {"lhs_dilation": (2, 2), "padding": ((2, 2), (2, 2))},
  ),
  "kernel of a cropped one": (
    (3, 4, 5, 2),
    (7, 6, 2, 9),
    {"lhs_dilation": (3, 2), "padding": ((-1, 2), (1, -1))},
  ),
  "1 dimension": (
    (2, 12, 9),
    (3, 9, 10),
    {
      "window_strides": (2,),
      "padding": "SAME",
      "dimension_numbers": ("NWC", "WIO", "NWC"),
    },
  ),
  "3 dimensions": (
    (2, 6, 5, 4, 3),
    (3, 2, 1, 3, 4),
    {
      "window_strides": (1, 2, 1),
      "padding": "SAME",
      "dimension_numbers": ("NDHWC", "DHWIO", "NDHWC"),
    },
  ),
}
GROUPED = {
  "feature groups": ((2, 8, 8, 16), (3, 3, 8, 32), {"feature_group_count": 2}),
  "depthwise": ((2, 7, 6, 4), (3, 2, 1, 4), {"feature_group_count": 4}),
  "batch groups": ((4, 8, 8, 3), (3, 3, 3, 4), {"batch_group_count": 2}),
  "everything": (
    (2, 7, 6, 4),
    (3, 2, 2, 6),
    {
      "window_strides": (2, 3),
      "padding": ((1, 2), (2, 1)),
      "lhs_dilation": (2, 1),
      "rhs_dilation": (1, 2),
      "feature_group_count": 2,
    },
  ),
}


def convolution(
  window_strides=(1, 1), padding="VALID", dimension_numbers=NHWC, **params
):
  return partial(
    lax.conv_general_dilated,
    window_strides=window_strides,
    padding=padding,
    dimension_numbers=dimension_numbers,
    **params,
  )


def normal(seed, shape, dtype=np.float32):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def value_and_gradients(fn):
  """fn(*args) and its gradient along a fixed direction."""

  def run(*args):
    value, vjp = jax.vjp(fn, *args)
    direction = np.cos(np.arange(value.size)).reshape(value.shape)
    return value, vjp(jnp.asarray(direction, value.dtype))

  return run


def compare(check, transform, fn, *args):
  """Canonicalizes `fn` before `transform` and after it: the results agree."""
  want = optimized(transform(fn))(*args)
  before, after = transform(canonicalize(fn)), canonicalize(transform(fn))
  for got in optimized(lambda *args: (before(*args), after(*args)))(*args):
    check(got, want)


def optimized(fn):
  """`jax.jit(fn)` as users have it: it decides on the last bits."""
  return jax.jit(fn, compiler_options={"xla_backend_optimization_level": 3})


def assert_identical(got, want):
  jax.tree.map(np.testing.assert_array_equal, got, want)


def assert_equal_sums(got, want):
  """Equal but for the order of float32 additions, here of under 1000 terms."""

  def check(got, want):
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * abs(want).max())

  jax.tree.map(check, got, want)


# Convolutions.


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_and_its_gradients_keep_every_bit(name):
  lhs, rhs, params = CONVOLUTIONS[name]
  args = normal(0, lhs), normal(1, rhs)
  fn = convolution(**params)
  compare(assert_identical, value_and_gradients, fn, *args)


@pytest.mark.parametrize("name", APART | GROUPED)
def test_a_convolution_with_groups_or_taken_apart_keeps_its_sums(name):
  lhs, rhs, params = (APART | GROUPED)[name]
  args = normal(0, lhs), normal(1, rhs)
  fn = convolution(**params)
  compare(assert_equal_sums, value_and_gradients, fn, *args)


@st.composite
def convolutions(draw):
  """Operands and parameters of a convolution of any kind."""
  rank = draw(st.integers(1, 3))
  each = lambda low, high: tuple(
    draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))
  )
  order = lambda: tuple(draw(st.permutations(range(rank + 2))))
  features, batches = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2)]))
  inputs = draw(st.integers(1, 3))
  outputs = features * batches * draw(st.integers(1, 2))
  numbers = lax.ConvDimensionNumbers(order(), order(), order())
  lhs = (batches * draw(st.integers(1, 2)), features * inputs, *each(5, 6))
  rhs = (outputs, inputs, *each(1, 3))
  arranged = lambda sizes, spec: tuple(np.array(sizes)[np.argsort(spec)])
  return (
    arranged(lhs, numbers.lhs_spec),
    arranged(rhs, numbers.rhs_spec),
    {
      "window_strides": each(1, 3),
      "padding": tuple(zip(each(0, 2), each(0, 2), strict=True)),
      "lhs_dilation": each(1, 2),
      "rhs_dilation": each(1, 2),
      "dimension_numbers": numbers,
      "feature_group_count": features,
      "batch_group_count": batches,
    },
  )


@given(convolutions())
@settings(deadline=None, max_examples=6)
def test_any_convolution(case):
  lhs, rhs, params = case
  args = normal(0, lhs), normal(1, rhs)
  compare(assert_equal_sums, value_and_gradients, convolution(**params), *args)


def test_a_negative_padding_crops():
  """Here jaxlib 0.10.2 by itself reads beside the image."""
  x, kernel = normal(0, (2, 6, 6, 3)), normal(1, (3, 3, 3, 16))
  got = canonicalize(convolution(padding=((-2, 1), (-2, 1))))(x, kernel)
  want = convolution(padding=((0, 1), (0, 1)))(x[:, 2:, 2:], kernel)
  assert_equal_sums(got, want)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.complex64])
def test_the_type_of_a_convolution_is_kept(dtype):
  fn = canonicalize(convolution())
  args = normal(0, (2, 6, 6, 3), dtype), normal(1, (3, 3, 3, 4), dtype)
  want = convolution()(*args)
  assert fn(*args).dtype == dtype
  assert_identical(jax.jit(fn)(*args), want)


def test_the_preferred_type_and_precision_are_kept():
  fn = convolution(preferred_element_type=jnp.float32, precision="highest")
  args = [normal(i, (3, 3, 3, 3), jnp.bfloat16) for i in range(2)]
  jaxpr = jax.make_jaxpr(canonicalize(fn))(*args)
  (eqn,), (stock,) = jaxpr.eqns, jax.make_jaxpr(fn)(*args).eqns
  assert eqn.params == stock.params
  compare(assert_identical, value_and_gradients, fn, *args)


# Pooling.

POOLS = {
  "tiles": ((2, 6, 4, 3), (1, 2, 2, 1), "VALID"),
  "a remainder": ((2, 7, 5, 3), (1, 2, 3, 1), "VALID"),
  "padding": ((2, 7, 5, 3), (1, 2, 3, 1), "SAME"),
  "uneven padding": ((2, 7, 5), (1, 3, 4), ((0, 0), (1, 2), (3, 0))),
  "across batch and channels": ((4, 6, 6), (2, 1, 3), "VALID"),
  "the whole image": ((2, 9, 9, 3), (1, 9, 9, 1), "VALID"),
  "less than a window": ((2, 3), (1, 4), "VALID"),
}


def pool(x, window, padding, strides=None):
  lowest = -jnp.inf if x.dtype == jnp.float32 else jnp.iinfo(x.dtype).min
  return lax.reduce_window(
    x, lowest, lax.max, window, strides or window, padding
  )


@pytest.mark.parametrize("name", POOLS)
def test_pooling_and_its_gradient_keep_every_bit_and_every_tie(name):
  shape, window, padding = POOLS[name]
  fn = partial(pool, window=window, padding=padding)
  x = jnp.round(normal(0, shape))
  compare(assert_identical, value_and_gradients, fn, x)


@pytest.mark.parametrize("name", POOLS)
def test_pooling_in_forward_mode_keeps_every_bit(name):
  """Without ties: there JAX's rule picks another maximum than its gradient."""
  shape, window, padding = POOLS[name]
  fn = partial(pool, window=window, padding=padding)
  forward = lambda fn: lambda x, tangent: jax.jvp(fn, (x,), (tangent,))
  compare(assert_identical, forward, fn, normal(0, shape), normal(1, shape))


def test_both_modes_of_pooling_take_the_same_of_equal_maxima():
  fn = canonicalize(partial(pool, window=(2, 3), padding="VALID"))
  x, tangent = jnp.round(normal(0, (8, 9))), normal(1, (8, 9))
  taken = jax.grad(lambda x: fn(x).sum())(x) == 1
  along = jax.jvp(fn, (x,), (tangent,))[1]
  assert_identical(along, fn(jnp.where(taken, tangent, -jnp.inf)))


def test_integers_are_pooled():
  x = jnp.arange(-10, 11).reshape(3, 7) % 5
  fn = partial(pool, window=(1, 2), padding="SAME")
  assert_identical(canonicalize(fn)(x), fn(x))


def test_a_nan_is_not_lost_in_pooling():
  x = jnp.array([1.0, jnp.nan, jnp.nan, 1.0, 2.0, 3.0])
  pooled = canonicalize(partial(pool, window=(2,), padding="VALID"))(x)
  assert_identical(pooled, [jnp.nan, jnp.nan, 3.0])


# What is left as it stands.


def without_convolutions(x):
  y = lax.scan(lambda c, _: (jax.nn.relu(c) @ c, None), x, length=2)[0]
  return jnp.sort(jax.checkpoint(jnp.tanh)(y)).sum(), {"x": jax.jit(jnp.sin)(x)}


UNTOUCHED = {
  "no convolution": without_convolutions,
  "overlapping windows": partial(
    pool, window=(3, 3), padding="VALID", strides=(2, 2)
  ),
  "mean pooling": lambda x: nn.avg_pool(x[None, ..., None], (2, 2), (2, 2)),
  "min pooling": jax.grad(
    lambda x: (
      -lax.reduce_window(x, jnp.inf, lax.min, (2, 2), (2, 2), "VALID").sum()
    )
  ),
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_the_rest_is_left_as_it_stands(name):
  fn, x = UNTOUCHED[name], normal(0, (6, 6))
  hide_addresses = partial(re.sub, "0x[0-9a-f]+", "")
  got, want = jax.make_jaxpr(canonicalize(fn))(x), jax.make_jaxpr(fn)(x)
  assert hide_addresses(str(got)) == hide_addresses(str(want))


def test_an_unknown_primitive_passes_through():
  unknown = Primitive("unknown")
  unknown.def_impl(lambda x, **_: x + 1)
  unknown.def_abstract_eval(lambda x, **_: x)
  fn = canonicalize(lambda x: unknown.bind(convolution()(x, x), color="red"))
  x = normal(0, (3, 3, 3, 3))
  assert_identical(fn(x), convolution()(x, x) + 1)
  last = jax.make_jaxpr(fn)(x).eqns[-1]
  assert last.primitive is unknown
  assert last.params == {"color": "red"}


# Under transformations: a small network of a convolution and a pooling.


def network(x, kernel):
  y = convolution(padding="SAME")(x, kernel)
  return pool(nn.relu(y), (1, 2, 2, 1), "VALID")


@jax.custom_vjp
def with_own_vjp(x, kernel):
  return network(x, kernel)


with_own_vjp.defvjp(
  lambda x, kernel: (network(x, kernel), (x, kernel)),
  lambda saved, cotangent: jax.vjp(network, *saved)[1](cotangent),
)


@jax.custom_jvp
def with_own_jvp(x, kernel):
  return network(x, kernel)


@with_own_jvp.defjvp
def _(primals, tangents):
  return jax.jvp(network, primals, tangents)


def scanned(x, kernel):
  def step(x, _):
    return nn.relu(convolution(padding="SAME")(x, kernel)), x.sum()

  return lax.scan(jax.checkpoint(step), x, length=3)[0]


def branched(x, kernel):
  branches = [network, lambda x, kernel: network(2 * x, kernel)]
  return lax.switch((x.sum() > 0).astype(int), branches, x, kernel)


def mapped(x, kernel):
  return jax.vmap(network, (0, None))(jnp.stack([x, -x]), kernel)


FUNCTIONS = {
  "plain": network,
  "jit": jax.jit(network),
  "checkpoint": jax.checkpoint(network),
  "scan of checkpoint": scanned,
  "switch": branched,
  "vmap": mapped,
  "custom_vjp": with_own_vjp,
  "custom_jvp": with_own_jvp,
  "canonicalize": canonicalize(network),
}
# The convolutions of the original are in a body there, where XLA takes another
# kernel: how that orders its sums depends on the processor.
IN_A_BODY = ("scan of checkpoint", "switch")
# So many channels that no convolution is taken apart.
X, KERNEL = normal(0, (4, 8, 8, 9)), normal(1, (3, 3, 9, 9))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_a_transformation_every_bit_is_kept(name):
  check = assert_equal_sums if name in IN_A_BODY else assert_identical
  compare(check, value_and_gradients, FUNCTIONS[name], X, KERNEL)


def gradients_in_a_loop(fn):
  gradients = jax.grad(lambda *args: fn(*args).sum(), (0, 1))
  return lambda *args: lax.fori_loop(0, 3, lambda _, a: gradients(*a), args)


def kernels_in(text):
  """The order of the kernel's dimensions in each lowered convolution."""
  forms = re.findall(r"dim_numbers = \[(.*?)\]x\[(.*?)\]->\[(.*?)\]", text)
  assert {(lhs, out) for lhs, _, out in forms} == {("b, 0, 1, f",) * 2}
  return {rhs for _, rhs, _ in forms}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_gradients_in_a_loop_are_in_the_fast_form(name):
  loop = gradients_in_a_loop(canonicalize(FUNCTIONS[name]))
  text = jax.jit(loop).lower(X, KERNEL).as_text()
  assert kernels_in(text) == {"0, 1, i, o"}
  assert "select_and_scatter" not in text
  assert "reduce_window" not in text


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="of XLA:CPU alone")
def test_the_compiler_leaves_the_fast_form_in_place():
  loop = gradients_in_a_loop(canonicalize(network))
  text = jax.jit(loop).lower(X, KERNEL).compile().as_text()
  assert set(re.findall(r"dim_labels=(\S+?),", text)) == {"b01f_01io->b01f"}


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="of XLA:CPU alone")
def test_without_it_the_form_in_a_loop_is_slow():
  """Fails when XLA has learned to look into loops: then this file is past."""
  loop = gradients_in_a_loop(network)
  text = jax.jit(loop).lower(X, KERNEL).compile().as_text()
  assert set(re.findall(r"dim_labels=(\S+?),", text)) != {"b01f_01io->b01f"}


def test_a_loop_gives_the_bits_of_single_calls():
  cotangents = normal(2, (3, 4, 8, 8, 9))

  def gradients(fn, cotangent):
    return jax.vjp(fn, X, KERNEL)[1](cotangent)

  fn = convolution(padding="SAME")
  one = jax.jit(partial(gradients, fn))
  want = jax.tree.map(lambda *g: jnp.stack(g), *map(one, cotangents))
  loop = jax.jit(partial(lax.map, partial(gradients, canonicalize(fn))))
  assert_identical(loop(cotangents), want)


@pytest.mark.parametrize(
  ("channels", "kernel"), [(1, "0, 1, o, i"), (5, "0, 1, i, o")]
)
def test_groups_are_of_features_and_few_channels_have_the_other_order(
  channels, kernel
):
  fn = canonicalize(convolution(padding="SAME", feature_group_count=2))
  x = normal(0, (20, 8, 8, 2 * channels))
  kernels = normal(0, (3, 3, channels, 2 * channels))
  text = jax.jit(gradients_in_a_loop(fn)).lower(x, kernels).as_text()
  assert set(re.findall(r"batch_group_count = (\d+)", text)) == {"1"}
  assert kernel in kernels_in(text)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_loop_gives_the_sums_of_groups(groups):
  kernel = normal(1, (3, 3, 4 // groups, 4))
  fn = convolution(feature_group_count=groups)
  x = normal(0, (3, 2, 6, 6, 4))
  gradients = lambda fn, x: value_and_gradients(fn)(x, kernel)
  want = [jax.jit(partial(gradients, fn))(x) for x in x]
  loop = jax.jit(partial(lax.map, partial(gradients, canonicalize(fn))))
  assert_equal_sums(loop(x), jax.tree.map(lambda *g: jnp.stack(g), *want))


TRANSFORMS = {
  "forward": lambda fn: (
    lambda x, k: jax.jvp(partial(fn, kernel=k), (x,), (jnp.cos(x),))
  ),
  "Hessian": lambda fn: jax.hessian(
    lambda x, k: (fn(x[:1, :2, :2], k) ** 2).sum(), 1
  ),
  "reverse over reverse": lambda fn: jax.grad(
    lambda x, k: (jax.grad(lambda x: fn(x, k).sum())(x) ** 2).sum(), (0, 1)
  ),
  "forward over reverse": lambda fn: (
    lambda x, k: jax.jvp(jax.grad(lambda x: fn(x, k).sum()), (x,), (x,))
  ),
  "reverse over forward": lambda fn: jax.grad(
    lambda x, k: jax.jvp(partial(fn, x), (k,), (k,))[1].sum(), (0, 1)
  ),
  "vmap of gradients": lambda fn: jax.vmap(
    value_and_gradients(lambda x, k: fn(x[None], k)), (0, None)
  ),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_under_a_transformation_every_bit_is_kept(name):
  """That is why the network has relu: its rounding depends on no fusion."""
  compare(assert_identical, TRANSFORMS[name], network, X, KERNEL)


def test_an_ensemble_under_vmap_keeps_its_sums():
  ensemble = lambda fn: jax.jit(value_and_gradients(jax.vmap(fn)))
  args = normal(0, (2, 4, 8, 8, 3)), normal(1, (2, 3, 3, 3, 3))
  assert_equal_sums(
    ensemble(canonicalize(network))(*args), ensemble(network)(*args)
  )


def test_under_pmap_with_a_collective():
  def step(fn, x, kernel):
    return lax.pmean(value_and_gradients(fn)(x, kernel), "device")

  run = lambda step: jax.pmap(step, "device", in_axes=(0, None))(
    X[None], KERNEL
  )
  want = run(partial(step, network))
  assert_identical(run(partial(step, canonicalize(network))), want)
  assert_identical(run(canonicalize(partial(step, network))), want)


# Whole models.


class Block(nn.Module):
  @nn.compact
  def __call__(self, x, _):
    y = nn.Conv(4, (3, 3), use_bias=False)(x)
    return x + nn.relu(nn.BatchNorm(use_running_average=False)(y)), None


class Model(nn.Module):
  """nn.scan of nn.remat with BatchNorm; on the way down and up again."""

  @nn.compact
  def __call__(self, x):
    x = nn.max_pool(nn.Conv(4, (4, 4), (2, 2))(x), (2, 2), (2, 2))
    blocks = nn.scan(
      nn.remat(Block, prevent_cse=False),
      variable_axes={"params": 0, "batch_stats": 0},
      split_rngs={"params": True},
      length=2,
    )
    x, _ = blocks()(x, None)
    return nn.ConvTranspose(3, (3, 3), (2, 2))(x)


def test_a_linen_model_in_training():
  """To rounding: its elementwise parts are compiled anew, and fused anew."""
  model, x = Model(), normal(0, (4, 12, 12, 3))
  shapes = jax.eval_shape(model.init, jax.random.key(0), x)
  variables = jax.tree.map(lambda leaf: normal(1, leaf.shape), shapes)

  def step(apply):
    def loss(params, x):
      now = variables | {"params": params}
      outputs, updates = apply(now, x, mutable=["batch_stats"])
      return (outputs**2).sum(), updates

    return jax.value_and_grad(loss, (0, 1), has_aux=True)

  compare(assert_equal_sums, step, model.apply, variables["params"], x)


# As a wrapper of functions.


def test_trees_keywords_and_what_is_no_array():
  def fn(tree, *, training, name, kernel=None):
    assert training is True  # not traced
    return {"y": convolution()(tree["x"], kernel), "name": name, "none": None}

  result = canonicalize(fn)(
    {"x": X}, training=True, name="a name", kernel=np.asarray(KERNEL)
  )
  assert result.keys() == {"y", "name", "none"}
  assert (result["name"], result["none"]) == ("a name", None)
  assert_identical(result["y"], convolution()(X, KERNEL))


def test_parameters_may_be_closed_over_and_no_tracer_leaks():
  def gradient(kernel):
    fn = canonicalize(jax.tree_util.Partial(network, kernel=kernel))
    return jax.grad(lambda x: fn(x).sum())(X)

  want = jax.jit(jax.grad(lambda x: network(x, KERNEL).sum()))(X)
  with jax.checking_leaks():
    assert_identical(jax.jit(gradient)(KERNEL), want)


def test_twice_is_once():
  once, twice = canonicalize(network), canonicalize(canonicalize(network))
  got, want = (jax.make_jaxpr(fn)(X, KERNEL) for fn in (twice, once))
  assert str(got) == str(want)


def test_a_compiled_function_does_not_compile_again(caplog):
  fn = canonicalize(jax.jit(network))
  fn(X, KERNEL)
  with jax.log_compiles(), caplog.at_level(logging.WARNING):
    fn(X, KERNEL)
  assert not [r for r in caplog.records if "Compiling" in r.getMessage()]
