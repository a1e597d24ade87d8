"""Programs of functions: when one is compiled, and when it is dropped."""

import gc
import weakref

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import bounded_jit

X = jnp.arange(3.0)


def apply(fn, x):
  return fn(x)


def test_it_is_the_function():
  def fn(f, pair, number):
    return {"sum": f(pair[0]) + number * pair[1]}

  result = bounded_jit.call(fn, jnp.sin, (X, X), 2)
  np.testing.assert_allclose(result["sum"], jnp.sin(X) + 2 * X, rtol=1e-6)
  shape = bounded_jit.eval_shape(fn, jnp.sin, (X, X), 2)["sum"]
  assert (shape.shape, shape.dtype) == (X.shape, X.dtype)


def test_arrays_of_a_partial_do_not_compile_again_and_closures_do():
  traces = []

  def scale(factor, x):
    traces.append(1)
    return factor * x

  for factor in (X, -X):
    scaled = jax.tree_util.Partial(scale, factor)
    np.testing.assert_array_equal(
      bounded_jit.call(apply, scaled, X), factor * X
    )
  assert len(traces) == 1
  for factor in (X, -X):
    result = bounded_jit.call(apply, lambda x, f=factor: scale(f, x), X)
    np.testing.assert_array_equal(result, factor * X)
  assert len(traces) == 3


def test_what_cannot_be_hashed_is_known_by_its_identity():
  model = nn.Dense(2)
  for seed in range(2):
    bound = model.bind(model.init(jax.random.key(seed), X))
    np.testing.assert_allclose(
      bounded_jit.call(apply, bound, X), bound(X), rtol=1e-6
    )


def test_of_many_closures_only_the_last_are_kept():
  made = []
  for i in range(bounded_jit.KEPT + 5):
    closure = lambda x, i=i: x + i
    made.append(weakref.ref(closure))
    bounded_jit.eval_shape(apply, closure, X)
    del closure
  gc.collect()
  alive = [ref() is not None for ref in made]
  assert alive == [False] * 5 + [True] * bounded_jit.KEPT
