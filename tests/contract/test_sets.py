"""What every perturbation set must satisfy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robust_jax import tree
from tests.contract.members import SETS, images, make_set

# theta is (x + d) - x, which rounds at the scale of x, not of d.
ROUNDING = 2e-6

pytestmark = pytest.mark.parametrize("name", SETS)
eps_values = st.sampled_from([0.0, 0.01, 0.1, 0.5, 2.0])
seeds = st.integers(0, 2**16)


def _wild(seed, x):
  return 3 * jax.random.normal(jax.random.key(seed), x.shape)


def _assert_trees_close(a, b, atol):
  jax.tree.map(lambda u, v: np.testing.assert_allclose(u, v, atol=atol), a, b)


def test_zero_changes_nothing(name):
  x, pset = images(), make_set(name)
  np.testing.assert_array_equal(pset.apply(x, pset.zero(x)), x)


@settings(deadline=None, max_examples=8)
@given(eps=eps_values, seed=seeds)
def test_projection_is_idempotent(name, eps, seed):
  x, pset = images(), make_set(name, eps)
  wild = jax.tree.map(lambda t: _wild(seed, t), pset.zero(x))
  once = pset.project(x, wild)
  _assert_trees_close(pset.project(x, once), once, ROUNDING)


@settings(deadline=None, max_examples=8)
@given(eps=eps_values, seed=seeds)
def test_samples_are_feasible(name, eps, seed):
  x, pset = images(), make_set(name, eps)
  theta = pset.sample(jax.random.key(seed), x)
  np.testing.assert_allclose(
    pset.apply(x, pset.project(x, theta)), pset.apply(x, theta), atol=ROUNDING
  )


@settings(deadline=None, max_examples=8)
@given(eps=eps_values, seed=seeds)
def test_result_is_a_valid_input(name, eps, seed):
  x, pset = images(), make_set(name, eps)
  theta = pset.project(x, jax.tree.map(lambda t: _wild(seed, t), pset.zero(x)))
  x_adv = pset.apply(x, theta)
  assert x_adv.shape == x.shape
  assert x_adv.dtype == x.dtype
  assert x_adv.min() >= 0
  assert x_adv.max() <= 1


def test_bfloat16_input_keeps_its_dtype_and_theta_is_float32(name):
  x, pset = images().astype(jnp.bfloat16), make_set(name)
  theta = pset.sample(jax.random.key(0), x)
  assert all(t.dtype == jnp.float32 for t in jax.tree.leaves(theta))
  assert pset.apply(x, theta).dtype == jnp.bfloat16


def test_no_feasible_theta_beats_the_steepest(name):
  x, pset = images(low=0.5, high=0.5), make_set(name)
  grad = jax.tree.map(lambda t: _wild(1, t), pset.zero(x))
  best = tree.dot(grad, pset.steepest(x, grad))
  for seed in range(20):
    theta = pset.project(
      x, jax.tree.map(lambda t, s=seed: _wild(s, t), pset.zero(x))
    )
    assert jnp.all(tree.dot(grad, theta) <= best * (1 + 1e-5))


def test_steepest_of_no_gradient_is_finite(name):
  x, pset = images(), make_set(name)
  steepest = pset.steepest(x, jax.tree.map(jnp.zeros_like, pset.zero(x)))
  assert all(jnp.isfinite(t).all() for t in jax.tree.leaves(steepest))


def test_steepest_ignores_the_scale_of_the_gradient(name):
  # A tiny gradient must not be swallowed by a constant in a denominator.
  x, pset = images(), make_set(name)
  grad = jax.tree.map(lambda t: _wild(2, t), pset.zero(x))
  tiny = jax.tree.map(lambda g: 1e-25 * g, grad)
  _assert_trees_close(pset.steepest(x, tiny), pset.steepest(x, grad), ROUNDING)


def test_apply_is_differentiable(name):
  # Black and white pixels too, at the very edge of the box.
  x, pset = images().round(), make_set(name)
  w = jax.random.normal(jax.random.key(4), x.shape)
  for theta in (pset.zero(x), pset.sample(jax.random.key(3), x)):
    grad = jax.grad(lambda t: (w * pset.apply(x, t)).sum())(theta)
    assert all(jnp.isfinite(g).all() for g in jax.tree.leaves(grad))
    assert all(jnp.all(g != 0) for g in jax.tree.leaves(grad))


def test_one_eps_per_example_acts_on_each_alone(name):
  x = images(3)
  eps = jnp.array([0.0, 0.05, 0.2])
  wild = jax.tree.map(lambda t: _wild(4, t), make_set(name).zero(x))
  together = make_set(name, eps).project(x, wild)
  for i in range(3):
    row = jax.tree.map(lambda t, i=i: t[i : i + 1], (x, wild))
    alone = make_set(name, float(eps[i])).project(*row)
    _assert_trees_close(
      jax.tree.map(lambda t, i=i: t[i : i + 1], together), alone, ROUNDING
    )
