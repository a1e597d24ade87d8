"""Attack sections that name a set, and what the smoke test makes of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import build
from experiments.configs import common
from experiments.configs.spatial import mnist_worst_of_10
from robust_jax import attacks
from robust_jax import perturbations as sets

KEY = jax.random.key(0)
X = jax.random.uniform(jax.random.key(1), (3, 6, 6, 1))
Y = jnp.zeros(3, int)


def model(x):
  return x.reshape(len(x), -1)[:, :3]


def attacked(attack):
  return jax.jit(attack, static_argnums=1)(KEY, model, X, Y)


def test_an_attack_gets_the_set_that_its_section_describes():
  built = build.attack(common.worst_of_k(2))
  wanted = attacks.worst_of_k(sets.affine(30, 3), k=2)
  np.testing.assert_array_equal(attacked(built), attacked(wanted))
  swept = build.attack(common.worst_of_k(2), eps=0.0)
  np.testing.assert_array_equal(attacked(swept), X)


def test_a_wrong_option_of_the_set_is_refused():
  section = common.worst_of_k(2)
  section["set"]["rotatoin"] = 3
  with pytest.raises(ValueError, match="did you mean 'rotation'"):
    build.attack(section)


def test_evaluation_is_the_published_one_and_smoke_is_short():
  for arg, num_points, k in (("", (31, 5, 5), 10), ("smoke", (3, 3, 3), 2)):
    config = mnist_worst_of_10.get_config(arg)
    assert config.evaluation.attacks.grid.search.num_points == num_points
    assert config.evaluation.attacks.random.k == 1
    assert config.attack.k == k
    assert config.probes.robust.k == k
