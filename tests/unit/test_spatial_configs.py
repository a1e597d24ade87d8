"""Attack sections that name a set, and what the smoke test makes of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.build import sections
from experiments.configs import common
from experiments.configs.spatial import mnist_worst_of_10
from robust_jax import attacks, losses, search
from robust_jax import perturbations as sets
from robust_jax.search.expectation_over_transformation import (
  expectation_over_transformation,
)

KEY = jax.random.key(0)
X = jax.random.uniform(jax.random.key(1), (3, 6, 6, 1))
Y = jnp.zeros(3, int)


def model(x):
  return x.reshape(len(x), -1)[:, :3]


def attacked(attack):
  return jax.jit(attack, static_argnums=1)(KEY, model, X, Y)


def test_an_attack_gets_the_set_that_its_section_describes():
  built = sections.attack(common.worst_of_k(2))
  reference = attacks.worst_of_k(sets.affine(30, 3), k=2)
  np.testing.assert_array_equal(attacked(built), attacked(reference))
  swept = sections.attack(common.worst_of_k(2), eps=0.0)
  np.testing.assert_array_equal(attacked(swept), X)


def test_a_wrong_option_of_the_set_is_refused():
  section = common.worst_of_k(2)
  section["set"]["rotatoin"] = 3
  with pytest.raises(ValueError, match="did you mean 'rotation'"):
    sections.attack(section)


def test_a_section_has_the_search_expect_transformations():
  section = {
    "name": "compose",
    "search": {"name": "pgd", "num_steps": 2},
    "set": {"name": "linf", "eps": 0.3},
    "objective": "cross_entropy",
  }
  turned = {"name": "affine", "rotation": 90.0, "translation": 0.0}
  expected = {**section, "expectation": {**turned, "num_samples": 3}}
  pset = sets.affine(90.0, 0.0)
  robust = expectation_over_transformation(
    search.pgd, lambda key, x: pset.apply(x, pset.sample(key, x)), 3
  )
  reference = attacks.compose(
    robust, sets.linf(0.3), losses.cross_entropy, num_steps=2
  )
  found = attacked(sections.attack(expected))
  np.testing.assert_array_equal(found, attacked(reference))
  assert (found != attacked(sections.attack(section))).any()
  with pytest.raises(ValueError, match="'expectation' has no num_samples"):
    sections.attack({**section, "expectation": turned})


def test_evaluation_is_the_published_one_and_smoke_is_short():
  for arg, num_points, k in (("", (31, 5, 5), 10), ("smoke", (3, 3, 3), 2)):
    config = mnist_worst_of_10.get_config(arg)
    assert config.evaluation.attacks.grid.search.num_points == num_points
    assert config.evaluation.attacks.random.k == 1
    assert config.loss.attack.k == k
    assert config.evaluator.validation_attacks.robust.k == k
