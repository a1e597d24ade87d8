import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.models import TextTransformer
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
    ("thirds", 32, 1.0),
    ("thirds", 34, 0.1),
    ("thirds", 67, 0.01),
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


def test_learning_rates_fall_from_layer_to_layer():
  model = TextTransformer(
    vocabulary_size=5, width=2, depth=3, num_heads=1, embedding_width=3
  )
  x = {"tokens": jnp.ones((1, 2), int), "mask": jnp.ones((1, 2))}
  params = jax.eval_shape(model.init, jax.random.key(0), x)["params"]
  ones = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), params)
  rates = {
    "dense": 1.0,
    "norm": 1.0,
    "blocks_2": 0.5,
    "blocks_1": 0.25,
    "blocks_0": 0.125,
    "embeddings": 0.0625,
    "positions": 0.0625,
    "project": 0.0625,
  }
  assert params.keys() == rates.keys()
  # Behind Adam, whose updates do not depend on the size of gradients.
  for name, step in (("sgd", 0.1), ("adam", 0.1)):
    update = optimizer(
      {"name": name, "learning_rate": step, "layer_decay": 0.5}, 10
    )
    changes, _ = update.update(ones, update.init(ones), ones)
    for layer, part in changes.items():
      for leaf in jax.tree.leaves(part):
        np.testing.assert_allclose(leaf, -step * rates[layer], rtol=1e-5)


def test_layer_decay_needs_numbered_layers():
  section = {"name": "sgd", "learning_rate": 0.1, "layer_decay": 0.5}
  params = {"conv": jnp.ones(2)}
  with pytest.raises(ValueError, match="of conv: expected one with layers bl"):
    optimizer(section, 10).update(params, optimizer(section, 10).init(params))
  with pytest.raises(ValueError, match=r"optimizer.layer_decay = 1.5"):
    optimizer(section | {"layer_decay": 1.5}, 10)
