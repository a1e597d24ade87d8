import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from robust_jax import tree
from robust_jax.types import SearchResult

# XLA takes subnormal numbers for 0.
arrays = npst.arrays(
  np.float32,
  (3, 2, 2),
  elements=st.floats(-100, 100, width=32, allow_subnormal=False),
)
few = settings(deadline=None, max_examples=30)


@few
@given(arrays, arrays, st.sampled_from(list(tree.ORDERS)))
def test_norm_is_numpys_over_all_leaves(a, b, p):
  flat = np.concatenate([a.reshape(3, -1), b.reshape(3, -1)], axis=1)
  np.testing.assert_allclose(
    tree.norm({"a": a, "b": b}, p),
    np.linalg.norm(flat.astype(np.float64), tree.ORDERS[p], axis=1),
    rtol=1e-5,
  )


def test_two_norm_survives_tiny_and_huge_entries():
  for size in (1e-30, 1e30):
    values = jnp.full((1, 4), size, jnp.float32)
    np.testing.assert_allclose(tree.norm(values, "l2"), 2 * size, rtol=1e-6)


def test_norm_refuses_another_order():
  expected = "norm = 3: expected 'linf', 'l2' or 'l1'"
  with pytest.raises(ValueError, match=expected):
    tree.norm(jnp.ones((1, 2)), 3)


@few
@given(arrays, st.sampled_from(list(tree.ORDERS)))
def test_normalized_has_unit_norm_or_is_zero(a, p):
  before, after = tree.norm(a, p), tree.norm(tree.normalize(a, p), p)
  np.testing.assert_allclose(after, before > 0, rtol=1e-5)


@few
@given(arrays, arrays)
def test_dot_is_per_example(a, b):
  expected = np.einsum("bij,bij->b", a.astype(np.float64), b)
  np.testing.assert_allclose(tree.dot(a, b), expected, rtol=1e-4, atol=1e-2)


def test_better_takes_the_larger_and_never_nan():
  old = SearchResult(jnp.array([[0.0]] * 4), jnp.array([1.0, 2.0, jnp.nan, 3]))
  new = SearchResult(
    jnp.array([[1.0]] * 4), jnp.array([2.0, 1.0, 0.0, jnp.nan])
  )
  best = tree.better(old, new)
  np.testing.assert_array_equal(best.value, [2, 2, 0, 3])
  np.testing.assert_array_equal(best.delta[:, 0], [1, 0, 1, 0])


def test_add_scales_each_example_by_its_own():
  delta = jnp.zeros((2, 3))
  moved = tree.add(delta, jnp.array([1.0, -2.0]), jnp.ones((2, 3)))
  np.testing.assert_array_equal(moved[:, 0], [1, -2])
