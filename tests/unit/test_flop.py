"""The count of floating point operations, by closed forms and beside XLA's."""

import math

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from robust_jax.flop import count_flop
from robust_jax.models import MadryCNN
from robust_jax.xla_cpu.canonicalize import canonicalize

A, B = jnp.ones((3, 5)), jnp.ones((5, 7))
SQUARE = jnp.ones((4, 4))
PRODUCT = 2 * 4**3


def flop(fn, *args):
  return sum(count_flop(jax.make_jaxpr(fn)(*args)).values())


def of_xla(fn, *args):
  return jax.jit(fn).lower(*args).cost_analysis()["flops"]


def test_a_product_and_its_gradients():
  assert flop(jnp.matmul, A, B) == 2 * 3 * 5 * 7
  loss = lambda a, b: (a @ b).sum()
  # The product itself is not needed for the derivatives of its sum.
  assert flop(jax.grad(loss, (0, 1)), A, B) == 2 * 2 * 3 * 5 * 7
  assert flop(jax.value_and_grad(loss, (0, 1)), A, B) == 3 * 2 * 3 * 5 * 7


def test_products_over_several_axes_and_batches():
  x = jnp.ones((2, 3, 4, 5))
  assert flop(lambda x: jnp.einsum("bijk,bljk->bil", x, x), x) == (
    2 * (2 * 3 * 3) * (4 * 5)
  )
  assert flop(jax.vmap(jnp.matmul), x[0], x[1].swapaxes(1, 2)) == (
    3 * 2 * 4 * 5 * 4
  )


@pytest.mark.parametrize("n", [1, 7])
def test_a_loop_counts_as_often_as_it_runs(n):
  scan = lambda a: jax.lax.scan(lambda b, _: (b @ a, b), a, length=n)
  assert flop(scan, SQUARE) == n * PRODUCT
  power = lambda a: jax.lax.fori_loop(0, n, lambda _, b: b @ a, a)
  assert flop(power, SQUARE) == n * PRODUCT
  # Each product has two gradients, and the first factor is the argument.
  loss = lambda a: power(a).sum()
  assert flop(jax.value_and_grad(loss), SQUARE) == 3 * n * PRODUCT
  assert flop(lambda a: jax.lax.map(power, a), SQUARE[None].repeat(3, 0)) == (
    3 * n * PRODUCT
  )
  assert of_xla(power, SQUARE) < 2 * PRODUCT  # which takes the body once


def test_of_branches_the_most_expensive_counts():
  def fn(flag, a):
    return jax.lax.cond(flag, lambda a: a @ a @ a, lambda a: a @ a, a)

  assert flop(fn, True, SQUARE) == 2 * PRODUCT


def test_a_loop_of_unknown_length_is_unknown_if_it_has_products():
  def loop(body):
    return lambda n, a: jax.lax.fori_loop(0, n, body, a)

  assert math.isnan(flop(loop(lambda _, b: b @ b), 3, SQUARE))
  assert flop(lambda n, a: loop(lambda _, b: b + 1)(n, a) @ a, 3, SQUARE) == (
    PRODUCT
  )


def test_what_nothing_depends_on_is_not_computed():
  assert flop(lambda a: [a @ a, a + 1][1], SQUARE) == 0


def test_functions_with_derivatives_of_their_own_count_once():
  @jax.custom_vjp
  def square(a):
    return a @ a

  square.defvjp(lambda a: (a @ a, a), lambda a, g: (g @ a.T,))
  assert flop(square, SQUARE) == PRODUCT
  assert flop(jax.value_and_grad(lambda a: square(a).sum()), SQUARE) == (
    2 * PRODUCT
  )
  remat = jax.checkpoint(lambda a: jnp.sin(a @ a))
  loss = lambda a: remat(a).sum()
  # Forward, once more, and a gradient in each factor.
  assert flop(jax.value_and_grad(loss), SQUARE) == 4 * PRODUCT


def test_flop_by_dtype():
  def fn(a):
    half = a.astype(jnp.bfloat16)
    return half @ half @ half, a @ a

  found = count_flop(jax.make_jaxpr(fn)(SQUARE))
  assert list(found.items()) == [
    ("bfloat16", 2 * PRODUCT),
    ("float32", PRODUCT),
  ]
  assert count_flop(jax.make_jaxpr(jnp.sin)(SQUARE)) == {}


def conv(**options):
  options = {"features": 8, "kernel_size": (3, 3), "use_bias": False} | options
  layer, x = nn.Conv(**options), jnp.ones((2, 9, 10, 4))
  params = layer.init(jax.random.key(0), x)
  return layer.apply, params, x


def test_a_convolution_without_padding():
  assert flop(*conv(padding="VALID")) == 2 * (2 * 7 * 8) * 8 * (3 * 3 * 4)
  pointwise = conv(kernel_size=(1, 1), strides=2)
  assert flop(*pointwise) == 2 * (2 * 5 * 5) * 8 * 4


@pytest.mark.parametrize(
  "options",
  [
    {},
    {"strides": 2},
    {"strides": (2, 3), "kernel_size": (4, 5)},
    {"kernel_dilation": 2},
    {"input_dilation": 2, "padding": ((1, 1), (1, 1))},
    {"feature_group_count": 2},
    {"feature_group_count": 4, "strides": 2},
    {"padding": ((0, 3), (2, 1))},
  ],
)
def test_convolutions_and_their_gradients_as_xla_counts_them(options):
  apply, params, x = conv(**options)
  assert flop(apply, params, x) == of_xla(apply, params, x)
  # Without loss and its reductions, which XLA counts too.
  outputs, pullback = jax.vjp(apply, params, x)
  cotangent = jnp.ones(outputs.shape)
  assert flop(pullback, cotangent) == pytest.approx(
    of_xla(pullback, cotangent), rel=1e-2
  )
  assert flop(pullback, cotangent) == 2 * flop(apply, params, x)


def test_the_form_that_a_cpu_prefers_counts_as_what_it_stands_for():
  apply, params, x = conv(strides=2, kernel_size=(5, 5))
  loss = lambda x: apply(params, x).sum()
  stock = flop(jax.value_and_grad(loss), x)
  assert flop(canonicalize(jax.value_and_grad(loss)), x) == stock


def test_a_network_nearly_as_xla_counts_it():
  model, x = MadryCNN(), jnp.ones((2, 28, 28, 1))
  variables = model.init(jax.random.key(0), x)
  grad = jax.grad(lambda v, x: model.apply(v, x).sum(), (0, 1))
  assert flop(grad, variables, x) == pytest.approx(
    of_xla(grad, variables, x), rel=0.05
  )
