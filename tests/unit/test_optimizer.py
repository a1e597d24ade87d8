import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.training.optimizer import optimizer, schedule


@pytest.mark.parametrize(
  ("name", "at", "value"),
  [
    ("constant", 70, 1.0),
    ("cosine", 0, 1.0),
    ("cosine", 50, 0.5),
    ("cosine", 100, 0.0),
    ("triangle", 0, 0.0),
    ("triangle", 20, 0.5),
    ("triangle", 40, 1.0),
    ("triangle", 70, 0.5),
    ("triangle", 100, 0.0),
    ("linear", 5, 0.5),
    ("linear", 10, 1.0),
    ("linear", 55, 0.5),
    ("linear", 100, 0.0),
    ("piecewise", 74, 1.0),
    ("piecewise", 76, 0.1),
    ("piecewise", 91, 0.01),
  ],
)
def test_schedules(name, at, value):
  rate = schedule(name, 1.0, 100)(at)
  np.testing.assert_allclose(rate, value, atol=1e-6)


def test_weight_decay_is_added_to_the_gradient_of_sgd():
  update = optimizer(
    {"name": "sgd", "learning_rate": 0.1, "weight_decay": 0.5}, 10
  )
  params = jnp.array(2.0)
  change, _ = update.update(jnp.array(3.0), update.init(params), params)
  np.testing.assert_allclose(change, -0.1 * (3.0 + 0.5 * 2.0), rtol=1e-6)


def test_gradients_are_clipped_by_their_global_norm():
  update = optimizer({"name": "sgd", "learning_rate": 1.0, "clip_norm": 1.0}, 9)
  params = jnp.zeros(2)
  change, _ = update.update(jnp.array([3.0, 4.0]), update.init(params), params)
  np.testing.assert_allclose(change, [-0.6, -0.8], rtol=1e-6)


@pytest.mark.parametrize(
  ("config", "message"),
  [
    ({"name": "adamm"}, "no optimizer named 'adamm'"),
    ({"name": "adam", "momentum": 0.9}, "adam has no option momentum"),
    ({"name": "adam", "schedule": "sine"}, "no schedule named 'sine'"),
  ],
)
def test_what_optax_does_not_have_is_refused(config, message):
  with pytest.raises(ValueError, match=message):
    optimizer({"learning_rate": 0.1} | config, 10)
