"""AutoAttack on models whose robustness is known."""

import ast
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses, search, tree
from robust_jax.attacks import autoattack
from robust_jax.attacks.autoattack import suite
from robust_jax.attacks.autoattack._stage_fingerprint import stage_fingerprint
from robust_jax.attacks.autoattack.autoattack import stages
from robust_jax.attacks.lp_ball import in_ball
from robust_jax.perturbations.linf import linf

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
  assert (outcome.misclassified_by[can] > 0).all()
  assert (outcome.misclassified_by[cannot] == -1).all()


def test_the_whole_of_it_is_an_attack():
  model, _ = linear(3)
  labels = model(X).argmax(axis=1)
  x_adv = autoattack("linf", 0.02, batch_size=40)(KEY, model, X, labels)
  assert jnp.all(tree.norm(x_adv - X, "linf") <= 0.02 + 1e-6)
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
  with pytest.raises(ValueError, match="version = 'fast': expected one of"):
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
    traces.clear()
    suite.run(
      stages("linf", eps, "standard", 4)[:1],
      KEY,
      victim,
      np.asarray(X),
      labels,
      batch_size=40,
    )
    counts.append(len(traces))
  assert counts[0] > 0
  assert counts[1:] == [0, 0]


def _saved(path, **changes):
  """Runs no stage but the clean images, or is refused before that."""
  asked = {
    "norm": "linf",
    "eps": 0.02,
    "version": "standard",
    "key": KEY,
    "weights": linear(4)[1],
    "x": np.asarray(X),
    "labels": np.zeros(len(X), int),
    "batch_size": 40,
    "precision": None,
    "num_steps": 5,
  } | changes
  weights = asked["weights"]
  pgd = attacks.compose(
    search.pgd, linf(0.1), losses.margin, num_steps=asked["num_steps"]
  )
  found = stages(asked["norm"], asked["eps"], asked["version"], 4)[:2]

  def interrupt(name, done, total):
    raise KeyboardInterrupt

  with jax.default_matmul_precision(asked["precision"]):
    suite.run(
      [*found, suite.single_round_stage("pgd", pgd)],
      asked["key"],
      lambda x: (x.reshape(len(x), -1) - 0.5) @ weights,
      asked["x"],
      asked["labels"],
      batch_size=asked["batch_size"],
      save_to=path,
      progress=interrupt,
    )


def test_a_state_is_resumed_by_the_same_run_alone(tmp_path):
  path = tmp_path / "state.npz"
  others = {
    "norm": ("l2", r"attack 1 \(apgd-ce\), .* differ"),
    "eps": (0.3, "eps differs"),
    "version": ("plus", "stages, attack 2"),
    "key": (jax.random.key(1), "key differs"),
    "weights": (-linear(4)[1], "model differs"),
    "x": (np.asarray(X) * 0.99, "images differs"),
    "labels": (np.ones(len(X), int), "labels differs"),
    "batch_size": (20, "batch_size differs"),
    "precision": ("highest", "precision"),
    "num_steps": (6, r"attack 3 \(pgd\) differs"),
  }
  for _ in range(2):  # the second goes on from the first
    with pytest.raises(KeyboardInterrupt):
      _saved(path)
  for name, (other, named) in others.items():
    with pytest.raises(ValueError, match=f"state of another run: .*{named}"):
      _saved(path, **{name: other})


def identity():
  model, labels = linear(4)[0], np.zeros(len(X), int)
  found = stages("linf", np.ones(len(X)), "standard", 4)
  return stage_fingerprint(found, KEY, model, np.asarray(X), labels, 40)


def test_another_process_knows_the_run_again():
  there = subprocess.run(
    [
      sys.executable,
      "-c",
      "from tests.unit.test_autoattack import identity; print(identity())",
    ],
    cwd=pathlib.Path(__file__).parents[2],
    capture_output=True,
    check=True,
    text=True,
  ).stdout
  assert ast.literal_eval(there) == identity()


def test_each_image_may_have_a_radius_of_its_own():
  model, _ = linear(3)
  distance, labels = distances(3, "linf")
  eps = jnp.where(jnp.arange(len(X)) % 2, 0.9, 1.1) * distance
  x_adv = autoattack("linf", eps, batch_size=40)(KEY, model, X, labels)
  wrong = model(x_adv).argmax(axis=1) != labels
  np.testing.assert_array_equal(wrong, eps > distance)
  assert jnp.all(tree.norm(x_adv - X, "linf") <= eps + 1e-6)
  with pytest.raises(ValueError, match=r"eps of shape \(3,\): expected one"):
    autoattack("linf", eps[:3])(KEY, model, X, labels)


def test_inputs_that_are_no_images_are_refused_at_once():
  flat, labels = X.reshape(len(X), -1), jnp.zeros(len(X), int)
  with pytest.raises(ValueError, match="the Square attack expects images"):
    autoattack("linf", 0.1)(KEY, lambda x: x[:, :3], flat, labels)


def test_a_randomized_model_gets_fresh_noise_and_its_mean_gradient():
  model, _ = linear(3)

  def noisy(x, key):
    return model(x) + 0.1 * jax.random.normal(key, (len(x), 3))

  labels = model(X).argmax(axis=1)
  attack = autoattack("linf", 0.05, version="rand", batch_size=40)
  x_adv = attack(KEY, noisy, X, labels)
  assert jnp.all(tree.norm(x_adv - X, "linf") <= 0.05 + 1e-6)
  before = losses.margin(model(X), labels)
  after = losses.margin(model(x_adv), labels)
  moved = tree.norm(x_adv - X, "linf") > 0
  assert jnp.all((after > before)[moved])
  # One draw decides, so the mean may stand: by 4 standard deviations at most.
  distance, _ = distances(3, "linf")
  assert jnp.all(after[distance < 0.04] > -4 * 0.1 * 2**0.5)
