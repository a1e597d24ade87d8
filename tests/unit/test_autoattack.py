"""AutoAttack on models whose robustness is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import losses, tree
from robust_jax.attacks import autoattack, suite
from robust_jax.attacks.autoattack import in_ball, stages

KEY = jax.random.key(0)
ORDERS = {"linf": jnp.inf, "l2": 2, "l1": 1}
DUAL = {"linf": 1, "l2": 2, "l1": jnp.inf}
X = jax.random.uniform(jax.random.key(3), (40, 5, 5, 1), minval=0.4, maxval=0.6)


def linear(num_classes):
  w = jax.random.normal(jax.random.key(1), (25, num_classes))
  return lambda x: (x.reshape(len(x), -1) - 0.5) @ w, w


def distances(num_classes, norm):
  """Of each image to the nearest boundary, the box apart."""
  model, w = linear(num_classes)
  logits = model(X)
  labels = logits.argmax(axis=1)
  own = jnp.take_along_axis(logits, labels[:, None], 1)
  slope = jnp.linalg.norm(w[:, :, None] - w[:, None], DUAL[norm], axis=0)
  slope = slope[:, labels].T
  distance = (own - logits) / jnp.where(slope > 0, slope, 1)
  return jnp.where(logits == own, jnp.inf, distance).min(axis=1), labels


def short(norm, eps, num_classes, version="standard"):
  """A version with its stages' first round only, to save time."""
  return [
    s._replace(num_rounds=min(s.num_rounds, num_classes - 1))
    for s in stages(norm, eps, version, num_classes)
    if s.name != "square"
  ]


@pytest.mark.parametrize(
  ("norm", "num_classes"), [("linf", 2), ("l2", 3), ("l1", 5)]
)
def test_a_linear_model_falls_exactly_where_it_can(norm, num_classes):
  distance, labels = distances(num_classes, norm)
  eps = float(jnp.median(distance))
  model, _ = linear(num_classes)
  outcome = suite.run(
    short(norm, eps, num_classes),
    KEY,
    model,
    np.asarray(X),
    np.asarray(labels),
    check=in_ball(norm, eps),
    batch_size=40,
  )
  # FAB overshoots by 5 % and leaves no doubt outside of this margin.
  can = np.asarray(distance) < eps / 1.06
  cannot = np.asarray(distance) > eps
  assert (outcome.fooled_by[can] > 0).all()
  assert (outcome.fooled_by[cannot] == -1).all()


def test_the_whole_of_it_is_an_attack():
  model, _ = linear(3)
  labels = model(X).argmax(axis=1)
  x_adv = autoattack("linf", 0.02, batch_size=40)(KEY, model, X, labels)
  assert jnp.all(tree.norm(x_adv - X, jnp.inf) <= 0.02 + 1e-6)
  wrong = model(x_adv).argmax(axis=1) != labels
  distance, _ = distances(3, "linf")
  np.testing.assert_array_equal(wrong, distance < 0.02)


@pytest.mark.parametrize(
  ("num_classes", "expected"),
  [
    (2, ["apgd-ce", "apgd-t-margin", "fab-t", "square"]),
    (3, ["apgd-ce", "apgd-t-margin", "fab-t", "square"]),
    (10, ["apgd-ce", "apgd-t", "fab-t", "square"]),
    (1000, ["apgd-ce", "apgd-t", "fab-t", "square"]),
  ],
)
def test_stages_and_their_fallbacks_are_named(num_classes, expected):
  found = stages("linf", 0.1, "standard", num_classes)
  assert [s.name for s in found] == expected
  targets = min(9, num_classes - 1)
  assert [s.num_rounds for s in found] == [1, targets, targets, 10]


def test_versions_are_those_of_the_authors():
  plus = stages("l2", 0.5, "plus", 10)
  assert [(s.name, s.num_rounds) for s in plus] == [
    ("apgd-ce", 5),
    ("apgd-dlr", 5),
    ("fab", 5),
    ("square", 10),
    ("apgd-t", 9),
    ("fab-t", 9),
  ]
  l1 = stages("l1", 5.0, "standard", 10)
  assert [s.num_rounds for s in l1] == [5, 5, 9, 10]
  rand = stages("linf", 0.1, "rand", 2)
  assert [s.name for s in rand] == ["apgd-ce", "apgd-margin"]
  with pytest.raises(ValueError, match="version = 'fast': wanted one of"):
    stages("linf", 0.1, "fast", 10)


def test_another_radius_and_other_parameters_compile_nothing_new():
  traces = []

  def model(w, x):
    traces.append(x)
    return (x.reshape(len(x), -1) - 0.5) @ w

  _, w = linear(4)
  counts = []
  for eps, weights in ((0.01, w), (0.03, w), (0.03, -w)):
    victim = jax.tree_util.Partial(model, weights)
    labels = np.asarray(victim(X).argmax(axis=1))
    suite.run(
      stages("linf", eps, "standard", 4)[:1],
      KEY,
      victim,
      np.asarray(X),
      labels,
      batch_size=40,
    )
    counts.append(len(traces))
    traces.clear()
  # Outside of the compiled program the model is called to count its passes.
  assert counts[1] == counts[2] < counts[0]


def test_a_randomised_model_gets_fresh_noise_and_its_mean_gradient():
  model, _ = linear(3)

  def noisy(x, key):
    return model(x) + 0.1 * jax.random.normal(key, (len(x), 3))

  labels = model(X).argmax(axis=1)
  attack = autoattack("linf", 0.05, version="rand", batch_size=40)
  x_adv = attack(KEY, noisy, X, labels)
  assert jnp.all(tree.norm(x_adv - X, jnp.inf) <= 0.05 + 1e-6)
  before = losses.margin(model(X), labels)
  after = losses.margin(model(x_adv), labels)
  moved = tree.norm(x_adv - X, jnp.inf) > 0
  assert jnp.all((after > before)[moved])
  # One draw decides, so the mean may stand: by 4 standard deviations at most.
  distance, _ = distances(3, "linf")
  assert jnp.all(after[distance < 0.04] > -4 * 0.1 * 2**0.5)
