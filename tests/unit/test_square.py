"""The Square attack: its schedule, its windows, its bounds."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import losses, tree
from robust_jax.attacks import square
from robust_jax.attacks.cost import count_model_calls
from robust_jax.perturbations.linf import linf
from robust_jax.search.square import num_halvings, sides
from robust_jax.search.square import square as search

KEY = jax.random.key(0)
X = jax.random.uniform(jax.random.key(3), (4, 10, 10, 2))
W = jax.random.normal(jax.random.key(1), (200, 3))
EPS = {"linf": 0.1, "l2": 1.0, "l1": 8.0}


def linear(x):
  return (x.reshape(len(x), -1) - 0.5) @ W


Y = linear(X).argmax(axis=1)


def test_the_schedule_is_that_of_autoattack():
  # Sides of the windows that the published code draws for these sizes.
  assert list(sides(28, 28, 0.8)[:8]) == [25, 18, 13, 9, 6, 4, 3, 2]
  assert list(sides(32, 32, 0.8)[:8]) == [29, 20, 14, 10, 7, 5, 4, 3]
  halvings = {0: 0, 10: 0, 11: 1, 50: 1, 51: 2, 501: 4, 4999: 7, 8001: 9}
  for query, expected in halvings.items():
    assert num_halvings(query) == expected


def test_a_window_is_one_square_of_one_sign_per_channel_and_image():
  eps = 0.05
  x = jnp.full((3, 10, 10, 2), 0.5)
  seen = []

  def objective(x_adv):
    jax.debug.callback(lambda v: seen.append(np.asarray(v)), x_adv)
    return -jnp.abs(x_adv - x).max(axis=(1, 2, 3))  # nothing is better

  zero = jnp.zeros_like(x)
  search(KEY, objective, linf(eps), x, num_queries=3, start=zero)
  jax.effects_barrier()
  for proposal in seen[1:]:
    change = proposal - np.asarray(x)
    for image in change:
      touched = image.any(axis=2)
      rows, columns = touched.any(1).sum(), touched.any(0).sum()
      assert rows == columns == sides(10, 10, 0.8)[0]
      assert touched.sum() == rows * columns
      for channel in image.transpose(2, 0, 1):
        np.testing.assert_allclose(
          np.unique(channel[touched]), [channel[touched][0]]
        )
        np.testing.assert_allclose(np.abs(channel[touched]), eps, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_result_is_in_ball_and_box_and_more_queries_fool_more(norm):
  attack = {
    n: jax.jit(square(norm, EPS[norm], num_queries=n)) for n in (5, 300)
  }
  model = jax.tree_util.Partial(linear)
  margins = {}
  for n, run in attack.items():
    x_adv = run(KEY, model, X, Y)
    assert jnp.all(tree.norm(x_adv - X, norm) <= EPS[norm] + 1e-5)
    assert x_adv.min() >= 0
    assert x_adv.max() <= 1
    margins[n] = losses.margin(linear(x_adv), Y)
  assert jnp.all(margins[300] >= margins[5])
  assert jnp.any(margins[300] > losses.margin(linear(X), Y) + 0.5)
  # Every accepted change of the L2 and L1 search spends the whole radius.
  if norm == "l1":
    spent = tree.norm(x_adv - X, "l1")
    assert jnp.all(spent > 0.99 * EPS[norm])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_queries_are_counted(norm):
  cost = count_model_calls(square(norm, 0.1, num_queries=7), linear, X, Y)
  assert cost == (8, 0)


def test_what_is_no_image_is_refused():
  with pytest.raises(ValueError, match=r"\(4, 5\): the Square attack expects"):
    square("linf", 0.1)(KEY, lambda x: x, X[:, :5, 0, 0], Y)
  with pytest.raises(ValueError, match="num_queries = 0"):
    square("linf", 0.1, num_queries=0)
  with pytest.raises(ValueError, match="norm = 'l7'"):
    square("l7", 0.1)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_images_of_any_size_will_do(norm):
  for height, width in [(1, 1), (1, 5), (2, 2), (4, 3), (6, 1), (9, 28)]:
    x = jax.ShapeDtypeStruct((2, height, width, 1), jnp.float32)
    model = lambda x: x.reshape(len(x), -1)[:, [0, -1]]
    attack = functools.partial(square(norm, 0.5, num_queries=2), KEY, model)
    labels = jax.ShapeDtypeStruct((2,), jnp.int32)
    assert jax.eval_shape(attack, x, labels).shape == x.shape


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (4, 4)])
@pytest.mark.parametrize("norm", ["l2", "l1"])
def test_few_rows_are_attacked_with_the_whole_radius(norm, shape):
  x = jnp.full((20, *shape, 1), 0.5)
  labels = jnp.arange(20) % 2

  def model(x):
    first = x.reshape(len(x), -1)[:, 0] - 0.5
    return jnp.stack([-first, first], axis=1)

  x_adv = square(norm, 0.3, num_queries=20)(KEY, model, x, labels)
  np.testing.assert_allclose(tree.norm(x_adv - x, norm), 0.3, rtol=1e-2)
