"""What every search must satisfy on every perturbation set."""

import inspect
import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import lookup, tree
from tests.contract.members import (
  SEARCHES,
  SETS,
  bumpy,
  deterministic,
  images,
  make_set,
)

KEY = jax.random.key(0)

each_search = pytest.mark.parametrize("search", SEARCHES)
each_set = pytest.mark.parametrize("pset", SETS)


@each_search
def test_signature(search):
  parameters = inspect.signature(lookup.find("search", search)).parameters
  positional = [
    p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY
  ]
  assert positional == ["key", "objective", "pset", "x"]
  hyper = [p for p in parameters.values() if p.kind is p.KEYWORD_ONLY]
  assert all(p.default is not p.empty for p in hyper)


@each_set
@each_search
def test_value_is_the_objective_at_theta(search, pset):
  x, pset = images(), make_set(pset)
  result = lookup.find("search", search)(KEY, bumpy, pset, x)
  np.testing.assert_allclose(
    result.value, bumpy(pset.apply(x, result.theta)), rtol=1e-5, atol=1e-5
  )


@each_set
@each_search
def test_never_worse_than_the_clean_point(search, pset):
  x, pset = images(), make_set(pset)
  result = lookup.find("search", search)(KEY, bumpy, pset, x)
  assert jnp.all(result.value >= bumpy(x) - 1e-5)


@each_set
@each_search
def test_theta_is_feasible(search, pset):
  x, pset = images(), make_set(pset)
  theta = lookup.find("search", search)(KEY, bumpy, pset, x).theta
  jax.tree.map(
    lambda t, p: np.testing.assert_allclose(t, p, atol=2e-6),
    theta,
    pset.project(x, theta),
  )


@each_set
@each_search
def test_affine_objective_reaches_the_known_optimum(search, pset):
  # Far from the box the best theta for <w, x + theta> is the steepest one.
  x, pset = images(low=0.5, high=0.5), make_set(pset, 0.05)
  w = jax.random.normal(jax.random.key(5), x.shape)
  theta = pset.steepest(x, w)
  np.testing.assert_allclose(pset.apply(x, theta), x + theta, atol=1e-6)

  result = lookup.find("search", search)(KEY, lambda x: tree.dot(w, x), pset, x)
  gain = result.value - tree.dot(w, x)
  # 2 %: a first-order search circles the optimum at its step size.
  assert jnp.all(gain >= 0.98 * tree.dot(w, theta))


@each_set
@each_search
def test_permuting_the_batch_permutes_the_result(search, pset):
  x, pset, order = images(), make_set(pset), jnp.array([3, 1, 5, 0, 4, 2])
  run = deterministic(search)
  straight = run(KEY, bumpy, pset, x)
  permuted = run(KEY, bumpy, pset, x[order])
  chex.assert_trees_all_close(
    permuted, jax.tree.map(lambda t: t[order], straight), atol=1e-5
  )


@each_set
@each_search
def test_the_same_key_gives_the_same_answer(search, pset):
  x, pset = images(), make_set(pset)
  run = jax.jit(lambda key: lookup.find("search", search)(key, bumpy, pset, x))
  chex.assert_trees_all_equal(run(KEY), run(KEY))


@each_set
@each_search
def test_a_larger_set_is_no_better_defended_and_compiles_nothing_new(
  search, pset
):
  x = images()
  w = jax.random.normal(jax.random.key(5), x.shape)

  traces = []

  @jax.jit
  def attack(eps):
    traces.append(eps)
    return lookup.find("search", search)(
      KEY, lambda x: tree.dot(w, x), make_set(pset, eps), x
    ).value

  values = [attack(jnp.float32(eps)) for eps in (0.0, 0.05, 0.1, 0.3)]
  assert len(traces) == 1
  for smaller, larger in itertools.pairwise(values):
    assert jnp.all(larger >= smaller - 1e-4)


@each_set
@each_search
def test_nan_never_wins_and_stays_with_its_example(search, pset):
  x, pset = images(), make_set(pset)
  run = deterministic(search)

  def poisoned(x_adv):
    moved = jnp.any(jnp.abs(x_adv - x) > 1e-7, axis=(1, 2, 3))
    return jnp.where(moved & (jnp.arange(len(x)) == 2), jnp.nan, bumpy(x_adv))

  result = run(KEY, poisoned, pset, x)
  healthy = run(KEY, bumpy, pset, x)
  assert jnp.all(jnp.isfinite(result.value))
  others = jnp.arange(len(x)) != 2
  np.testing.assert_allclose(
    result.value[others], healthy.value[others], rtol=1e-5
  )
