"""Auto-PGD's checkpoints and its step-size rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import tree
from robust_jax.attacks.autoattack.apgd_l1 import apgd_l1, sparse_ascent
from robust_jax.attacks.cost import count_model_calls
from robust_jax.perturbations.l1 import l1
from robust_jax.perturbations.l2 import l2
from robust_jax.perturbations.linf import linf
from robust_jax.search.apgd import apgd, checkpoints

KEY = jax.random.key(0)
X = jnp.full((4, 5, 5, 1), 0.5)
W = jax.random.normal(jax.random.key(1), X.shape)


def test_checkpoints_are_those_published():
  assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
  assert checkpoints(40) == [8, 15, 21, 26, 30, 33, 35, 37, 39]
  assert checkpoints(50) == [11, 21, 30, 38, 45]
  assert checkpoints(1) == [1]


@pytest.mark.parametrize("pset", [linf(0.1), l2(0.3)])
def test_the_optimum_of_an_affine_objective_is_reached(pset):
  result = apgd(KEY, lambda x: tree.dot(W, x), pset, X, num_steps=50)
  best = tree.dot(W, X) + tree.dot(W, pset.linear_maximizer(X, W))
  np.testing.assert_allclose(result.value, best, rtol=1e-4)


def test_sparse_ascent_ends_on_the_linear_maximizer_few_entries():
  # Never fewer than two, so an affine optimum, a single one, is not reached.
  result = sparse_ascent(KEY, lambda x: tree.dot(W, x), l1(0.4), X)
  np.testing.assert_allclose(tree.norm(result.delta, "l1"), 0.4, rtol=1e-5)
  for delta, w in zip(result.delta, W, strict=True):
    moved = np.flatnonzero(np.abs(delta) > 1e-3)
    assert 2 <= len(moved) <= 4
    assert set(moved) == set(np.argsort(np.abs(w).ravel())[-len(moved) :])
    np.testing.assert_array_equal(
      np.sign(delta.ravel()[moved]), np.sign(w.ravel()[moved])
    )


@pytest.mark.parametrize("large_radii", [False, True])
def test_apgd_l1_stays_in_ball_and_box_and_fools(large_radii):
  weights = jax.random.normal(jax.random.key(2), (25, 3))
  model = lambda x: (x.reshape(len(x), -1) - 0.5) @ weights
  x = jax.random.uniform(KEY, X.shape)
  labels = model(x).argmax(axis=1)
  attack = apgd_l1(6.0, num_steps=20, large_radii=large_radii)
  x_adv = attack(KEY, model, x, labels)
  assert jnp.all(tree.norm(x_adv - x, "l1") <= 6.0 + 1e-5)
  assert x_adv.min() >= 0
  assert x_adv.max() <= 1
  assert jnp.all(model(x_adv).argmax(axis=1) != labels)


def test_a_quadratic_bowl_inside_the_ball_is_found_by_halving_the_step():
  # Steps of two radii cannot stay there: only smaller ones come near.
  top = X + 0.03 * jnp.sign(W)

  def bowl(x):
    return -jnp.square(x - top).sum(axis=(1, 2, 3))

  few, many = (
    apgd(KEY, bowl, linf(0.1), X, num_steps=n).value for n in (10, 100)
  )
  assert jnp.all(many > few / 50)
  assert jnp.all(many > -25 * 0.005**2)


@pytest.mark.parametrize("search", [apgd, sparse_ascent])
def test_passes_are_as_documented(search):
  def attack(key, logits_fn, x, labels):
    del labels
    pset = linf(0.1)
    return search(
      key, lambda z: logits_fn(z)[:, 0], pset, x, num_steps=10
    ).delta

  model = lambda x: x.reshape(len(x), -1)
  assert count_model_calls(attack, model, X, jnp.zeros(4, int)) == (12, 10)


@pytest.mark.parametrize("search", [apgd, sparse_ascent])
def test_a_run_begins_where_it_is_told(search):
  seen = []

  def objective(x):
    jax.debug.callback(lambda v: seen.append(np.asarray(v)), x)
    return tree.dot(W, x)

  start = 0.05 * W
  search(KEY, objective, linf(0.2), X, num_steps=2, start=start)
  jax.effects_barrier()
  assert any(np.allclose(v, X + start, atol=1e-6) for v in seen)
