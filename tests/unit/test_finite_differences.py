"""Searches that see scores only: what they estimate, reach and cost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses, search, tree
from robust_jax import perturbations as sets
from robust_jax.attacks.cost import count_model_calls
from robust_jax.search._finite_differences import estimated_gradient

KEY = jax.random.key(0)
WEIGHTS = jax.random.normal(jax.random.key(1), (9, 3))
X, Y = jnp.full((4, 3, 3, 1), 0.5), jnp.array([0, 1, 2, 0])


def linear(x):
  return x.reshape(len(x), -1) @ WEIGHTS


def estimate(objective, x, pset, draw=jax.random.rademacher, num_samples=1):
  return estimated_gradient(
    KEY,
    objective,
    pset,
    x,
    pset.zero(x),
    draw=draw,
    num_samples=num_samples,
    radius=0.1,
  )


@pytest.mark.parametrize("make", [sets.linf, sets.l2])
def test_one_pair_is_the_exact_slope_of_a_line(make):
  # One pixel: v / v = 1 whatever is drawn, in units of input.
  x, slope = jnp.full((3, 1), 0.5), jnp.array([2.0, -3.0, 0.5])
  grad = estimate(lambda x: slope * x[:, 0], x, make(0.05))
  np.testing.assert_allclose(grad[:, 0], slope, rtol=1e-4)  # float32 difference


@pytest.mark.parametrize("draw", [jax.random.rademacher, jax.random.normal])
def test_the_estimate_is_unbiased(draw):
  w = jnp.array([1.0, -2.0, 0.5, 0.0])
  grad = estimate(
    lambda x: x @ w, jnp.full((1, 4), 0.5), sets.linf(0.1), draw, 20_000
  )
  # Its standard deviation is |w| sqrt(2 / 20,000) = 0.02 at most; five of them.
  np.testing.assert_allclose(grad[0], w, atol=0.1)


def test_an_example_does_not_depend_on_its_place_or_its_neighbors():
  def bent(x):
    return jnp.sin(9 * x).sum(axis=(1, 2, 3))

  x = jax.random.uniform(KEY, (4, 3, 3, 1))
  run = jax.jit(lambda x: search.nes(KEY, bent, sets.linf(0.1), x, num_steps=3))
  np.testing.assert_allclose(run(x).delta[2:3], run(x[2:3]).delta, atol=1e-6)


@pytest.mark.parametrize("name", ["nes", "spsa"])
def test_queries_are_those_of_the_formula_and_there_is_no_gradient(name):
  attack = attacks.compose(
    getattr(search, name),
    sets.linf(0.1),
    losses.margin,
    num_steps=5,
    num_samples=7,
  )
  assert count_model_calls(attack, linear, X, Y) == (1 + 5 * (2 * 7 + 1), 0)


def test_a_model_without_gradients_is_fooled():
  # Rounded inputs: the gradient is 0 everywhere, the scores are not.
  def rounded(x):
    return linear(jnp.round(8 * x) / 8)

  y = linear(X).argmax(axis=1)

  def fooled(find):
    attack = attacks.compose(find, sets.linf(0.3), losses.margin)
    return rounded(jax.jit(attack, static_argnums=1)(KEY, rounded, X, y))

  assert jnp.all(fooled(search.fgsm).argmax(axis=1) == y)
  assert jnp.all(fooled(search.nes).argmax(axis=1) != y)


def test_the_directions_of_the_paper_and_of_the_set_reach_the_corner():
  w = jax.random.normal(jax.random.key(5), X.shape)
  pset = sets.linf(0.05)
  best = 0.05 * tree.norm(w, "l1")
  for hyper in ({}, {"direction": "adam", "momentum": 0.0, "step_size": 0.3}):
    result = jax.jit(
      lambda hyper=hyper: search.spsa(
        KEY, lambda x: tree.dot(w, x), pset, X, **hyper
      )
    )()
    assert jnp.all(result.value - tree.dot(w, X) >= 0.98 * best)


@pytest.mark.parametrize("option", ["num_steps", "num_samples"])
def test_nothing_to_do_is_refused(option):
  with pytest.raises(ValueError, match=f"{option} = 0: expected a whole"):
    search.nes(KEY, lambda x: x.sum(), sets.linf(0.1), X, **{option: 0})
