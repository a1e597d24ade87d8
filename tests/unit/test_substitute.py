"""Substitutes learned from labels alone."""

import jax
import numpy as np
import pytest

from robust_jax import attacks
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.black_box import train_substitute
from robust_jax.models.classifiers.mlp import MLP

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
WEIGHTS = RNG.standard_normal((16, 3))


def victim(images):
  """An affine victim that answers labels only."""
  return ((images - 0.5).reshape(len(images), -1) @ WEIGHTS).argmax(axis=1)


def images(count, seed=1):
  return np.random.default_rng(seed).random((count, 4, 4, 1), np.float32)


def substitute(predict=victim, num_first=100, **hyper):
  train = train_substitute(MLP((), 3), learning_rate=0.05, **hyper)
  return train(KEY, predict, images(num_first))


def test_queries_are_counted_and_as_announced():
  asked = []

  def counted(images):
    asked.extend(images)
    return victim(images)

  result = substitute(
    counted, 30, num_rounds=5, reservoir_after=2, reservoir_size=50
  )
  # Two doublings of 30, then three times 50.
  assert result.queries == 30 * 4 + 3 * 50
  assert len(asked) == result.queries == len(result.x)
  np.testing.assert_array_equal(np.stack(asked), result.x)
  np.testing.assert_array_equal(result.labels, victim(result.x))


def test_new_images_are_steps_of_the_given_length_in_the_box():
  result = substitute(num_rounds=1, step=0.1, num_first=30)
  before = result.x[:30]
  change = result.x[30:, None] - before
  # Each new image is one old one moved by 0.1, but where the box cuts.
  moved = np.abs(change).max(axis=(2, 3, 4)) <= 0.1 + 1e-6
  assert (moved.sum(axis=0) >= 1).all()
  assert result.x.min() >= 0
  assert result.x.max() <= 1


def test_the_direction_is_reversed_after_each_period():
  def steps(period):
    result = substitute(num_rounds=2, period=period, num_first=30)
    return result.x[30:60], result.x[60:120]

  first, second = steps(period=1)
  again, same = steps(period=2)
  np.testing.assert_array_equal(first, again)
  # The same images, moved to opposite sides but where the box cuts both.
  assert np.abs(second - same).max() <= 0.2 + 1e-6
  assert np.mean(np.abs(second - same) > 0.1) > 0.8


def test_a_substitute_of_the_victims_kind_learns_it():
  result = substitute(num_rounds=4, num_epochs=50)
  x = images(500, seed=2)
  agreement = np.mean(
    as_numpy_fn(result.logits_fn)(x).argmax(axis=1) == victim(x)
  )
  assert agreement > 0.9


def test_what_fools_the_substitute_fools_the_victim():
  result = substitute(num_rounds=4, num_epochs=50)
  x = images(200, seed=2)
  y = victim(x)
  attack = attacks.di_fgsm(0.2, diversity=0.0)
  x_adv = jax.jit(attack)(KEY, result.logits_fn, x, y)
  # The best there is: towards the one class that the radius lifts the most.
  gap = WEIGHTS[:, None, :] - WEIGHTS[:, :, None]  # [16, from, to]
  height = (x - 0.5).reshape(200, -1) @ WEIGHTS
  lead = height - height[np.arange(200), y][:, None]
  possible = (lead + 0.2 * np.abs(gap).sum(axis=0)[y]).max(axis=1) > 0
  fooled = victim(np.asarray(x_adv)) != y
  assert fooled.mean() > 0.8 * possible.mean()


def test_bad_input():
  with pytest.raises(ValueError, match="period = 0: expected"):
    train_substitute(MLP(), period=0)
  with pytest.raises(ValueError, match="the victim returned float64"):
    substitute(lambda x: x.mean(axis=(1, 2, 3)).astype(float))
