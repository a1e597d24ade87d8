"""The directions in which PGD can step, and Frank-Wolfe, which has its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import perturbations as sets
from robust_jax import search, tree
from robust_jax.search import steps

KEY = jax.random.key(0)
X = jnp.full((4, 3, 3, 1), 0.5)
W = jax.random.normal(jax.random.key(5), X.shape)


def along_w(x):
  return tree.dot(W, x)


def one_step(direction, pset, size=0.5):
  return search.pgd(
    KEY,
    along_w,
    pset,
    X,
    num_steps=1,
    step_size=size,
    direction=direction,
    random_start=False,
  ).delta


def test_a_normalized_step_is_the_gradient_as_long_as_the_linear_maximizer():
  delta = one_step("normalized", sets.linf(0.1), 0.1)
  length = 0.1 * tree.norm(sets.linf(0.1).linear_maximizer(X, W), "l2")
  np.testing.assert_allclose(
    delta, tree.expand(length, X) * tree.normalize(W, "l2"), atol=1e-6
  )


def test_in_an_l2_ball_normalized_and_linear_maximizer_are_one():
  np.testing.assert_allclose(
    one_step("normalized", sets.l2(0.1)),
    one_step("linear_maximizer", sets.l2(0.1)),
    atol=1e-7,
  )


def test_the_first_step_of_adam_is_the_sign():
  np.testing.assert_allclose(
    one_step("adam", sets.linf(0.1)),
    one_step("linear_maximizer", sets.linf(0.1)),
    rtol=1e-4,  # Adam's epsilon
    atol=1e-6,
  )


def test_adam_sees_no_other_example():
  # Its moments are elementwise: a neighbor's gradient changes nothing.
  def bent(x):
    return jnp.sin(9 * x).sum(axis=(1, 2, 3))

  x = jax.random.uniform(KEY, X.shape)
  run = lambda x: (
    search.pgd(
      KEY, bent, sets.linf(0.1), x, direction="adam", random_start=False
    ).delta
  )
  np.testing.assert_allclose(run(x)[:1], run(x[:1]), atol=1e-6)


@pytest.mark.parametrize("direction", ["normalized", "adam"])
def test_the_known_optimum_is_reached(direction):
  # Proportional steps take long for the coordinates of small slope, which
  # hardly count.
  pset = sets.linf(0.05)
  result = search.pgd(KEY, along_w, pset, X, direction=direction, num_steps=400)
  best = tree.dot(W, pset.linear_maximizer(X, W))
  assert jnp.all(result.value - along_w(X) >= 0.98 * best)


def test_a_tiny_gradient_steps_as_far():
  for direction in ("linear_maximizer", "normalized", "adam"):
    rule = steps.make_rule(
      direction, sets.linf(0.1), X, num_steps=1, step_size=0.5
    )
    first = rule.init(X * 0)
    large, _ = rule.move(X * 0, W, first)
    small, _ = rule.move(X * 0, 1e-20 * W, first)
    np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-7)


def test_another_direction_is_refused():
  with pytest.raises(
    ValueError, match="direction = 'newton': expected 'linear_m"
  ):
    one_step("newton", sets.linf(0.1))


def test_frank_wolfe_goes_all_the_way_in_one_step():
  for pset in (sets.linf(0.1), sets.l2(0.1)):
    result = search.frank_wolfe(KEY, along_w, pset, X, num_steps=1)
    np.testing.assert_allclose(
      result.delta, pset.linear_maximizer(X, W), atol=1e-6
    )


def test_frank_wolfe_converges_at_the_rate_of_its_theorem():
  # On f(x) = -|x - c|^2 / 2 with c inside the ball, f* - f(x_t) is at most
  # 2 C / (t + 2), C = (2 eps)^2 the curvature constant of the ball.
  pset, eps = sets.l2(0.4), 0.4
  center = X + 0.05 * W / tree.expand(tree.norm(W, "l2"), W)

  def concave(x):
    return -jnp.sum((x - center) ** 2, axis=(1, 2, 3)) / 2

  for num_steps in (1, 4, 16, 64):
    result = search.frank_wolfe(
      KEY, concave, pset, X, num_steps=num_steps, random_start=True
    )
    assert jnp.all(-result.value <= 2 * (2 * eps) ** 2 / (num_steps + 2))
