"""Programs that are compiled in threads before they are called."""

import jax
import jax.numpy as jnp
import pytest

from robust_jax.compile_ahead import compile_ahead
from tests.benchmarks.clock import compilations

X = jnp.ones((4, 4))


@jax.jit
def products(x):
  return jax.lax.fori_loop(0, 3, lambda _, y: jnp.sin(y @ x), x)


def lower(fn, x=X):
  return lambda: fn.lower(x)


def test_what_was_waited_for_is_not_compiled_again():
  products.clear_cache()
  with compile_ahead([("products", lower(products))], 2) as wait:
    wait("products")
    with compilations() as seconds:
      result = products(X)
  assert not seconds
  assert jnp.array_equal(result, jax.jit(products.__wrapped__)(X))


def test_programs_are_those_of_the_settings_of_the_caller():
  products.clear_cache()
  with (
    jax.default_matmul_precision("highest"),
    compile_ahead([("products", lower(products))], 1) as wait,
  ):
    wait("products")
    with compilations() as seconds:
      products(X)
  assert not seconds


def test_without_threads_nothing_is_lowered():
  def refuse():
    raise AssertionError("it was lowered")

  with compile_ahead([("never", refuse)], 0) as wait:
    wait("never")


def test_a_key_without_a_program_needs_no_waiting():
  with compile_ahead([], 1) as wait:
    wait("unknown")


def test_an_error_of_lowering_is_raised_before_the_body():
  @jax.jit
  def broken(x):
    raise ValueError("no such layer")

  with (
    pytest.raises(ValueError, match="no such layer"),
    compile_ahead([("broken", lower(broken))], 1),
  ):
    raise AssertionError("the body began")
