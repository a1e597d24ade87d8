"""Laws of every attack, whatever the logits' offset, scale and gaps.

An attack that makes a model wrong on some images makes it so on the same images
when all logits are shifted or scaled, when a class is excluded by -inf, and
when the model has no gradient, or one that is not finite, at the images alone.
"""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, lookup, losses, search
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.black_box.queries import BlackBoxAttack
from robust_jax.types import Attack
from tests.contract.members import (
  ATTACKS,
  SEARCHES,
  SETS,
  images,
  is_additive,
  kind_of,
  make_attack,
  make_set,
  needs_grid,
)

KEY = jax.random.key(0)
X = jax.random.uniform(jax.random.key(1), (4, 4, 4, 1), minval=0.3, maxval=0.7)
FLAT = X.reshape(4, 16)
WEIGHTS = jax.random.normal(jax.random.key(5), (16, 3))
FAR = jnp.full_like(FLAT, -10.0)
LOWEST = float(np.finfo(np.float32).min)
# Linf 0.3 and L2 1.5.
RADII = {"linf": 3.0, "l2": 15.0}


def model(knobs, x):
  """Affine of three classes, and a fourth that is never answered.

  Its gradient is 0 at the points `flat_at [N, 16]`, and NaN at `nan_at`.
  """
  flat = x.reshape(len(x), -1)
  off = flat[:, None] - knobs["flat_at"]
  # 1 at a point and exactly 0 away from it, or the others' gradients remain.
  square = jnp.square(off).sum(axis=-1, keepdims=True)
  near = jnp.square(jnp.maximum(1 - square / 1e-6, 0.0))
  logits = (flat - 0.5 - (near * off).sum(axis=1)) @ WEIGHTS
  far = jnp.linalg.norm(flat[:, None] - knobs["nan_at"], axis=-1).sum(axis=1)
  logits = knobs["scale"] * (logits + 1e-9 * far[:, None]) + knobs["offset"]
  excluded = jnp.broadcast_to(knobs["excluded"], (len(x), 1))
  return jnp.concatenate([logits, excluded], axis=1)


def victim(scale=1.0, offset=0.0, excluded=None, flat_at=FAR, nan_at=FAR):
  if excluded is None:
    excluded = offset - 100 * scale
  knobs = {"scale": scale, "offset": offset, "excluded": excluded}
  knobs = {name: jnp.float32(value) for name, value in knobs.items()}
  points = {"flat_at": flat_at, "nan_at": nan_at}
  return jax.tree_util.Partial(model, knobs | points)


LABELS = victim()(X).argmax(axis=1)
CHANGES = {
  "scale 1e-8": {"scale": 1e-8},
  "scale 1e8": {"scale": 1e8},
  "offset 1e3": {"offset": 1e3},
  "offset 1e5": {"offset": 1e5},
  "excluded by -inf": {"excluded": -jnp.inf},
  "excluded by the lowest number": {"excluded": LOWEST},
  "no gradient at the images": {"flat_at": FLAT},
  "gradient NaN at the images": {"nan_at": FLAT},
}


def white_box():
  """(name, norm) of every member of `attacks`."""
  for name in ATTACKS:
    yield name, "linf"
    names = inspect.signature(lookup.find("attacks", name)).parameters
    if "norm" in names and name != "autoattack":
      yield name, "l2"


def exempt(name):
  """Why a member is not held to the laws here, or None."""
  if name in SEARCHES:
    return "it needs a set that can be enumerated" if needs_grid(name) else None
  signature = inspect.signature(lookup.find("attacks", name))
  if "attack" in signature.parameters:
    return "it is as good as the attack that it is given"
  if signature.return_annotation is not Attack:
    return "it makes one change for all images"
  return None


@functools.cache
def attack_of(name, norm):
  if name in SEARCHES:
    return attacks.compose(
      lookup.find("search", name),
      make_set(norm, RADII[norm]),
      losses.cross_entropy,
    )
  return make_attack(name, norm, scale=RADII[norm], most=100)


@functools.cache
def misled(name, norm, change=None):
  """`[B]`, which images are answered wrongly in the end."""
  changed = victim(**CHANGES.get(change, {}))
  x_adv = attack_of(name, norm)(KEY, changed, X, LABELS)
  assert jnp.isfinite(x_adv).all()
  return np.asarray(changed(x_adv).argmax(axis=1) != LABELS)


@pytest.mark.parametrize(
  ("name", "norm"), [*white_box(), *((s, "linf") for s in SEARCHES)]
)
def test_logits_that_say_the_same_are_attacked_the_same(name, norm):
  if exempt(name):
    pytest.skip(exempt(name))
  assert misled(name, norm).all()
  lost = {c: (~misled(name, norm, c)).sum() for c in CHANGES}
  assert not any(lost.values()), lost


def black_box():
  for name in lookup.members("black_box"):
    signature = inspect.signature(lookup.find("black_box", name))
    if signature.return_annotation is BlackBoxAttack:
      yield name


@pytest.mark.parametrize("name", list(black_box()))
def test_scores_that_say_the_same_are_attacked_the_same(name):
  make = lookup.find("black_box", name)
  options = {"max_queries": 300}
  if "eps" in inspect.signature(make).parameters:
    options["eps"] = 0.3
  attack = make(**options)
  for change in (None, *CHANGES):
    predict = as_numpy_fn(victim(**CHANGES.get(change, {})))
    result = attack(KEY, predict, np.asarray(X), np.asarray(LABELS))
    assert result.success.all(), change


def test_scores_of_more_digits_than_float32_are_not_cut():
  """An offset of 1e6 leaves float32 one digit of a margin of 0.1."""

  def predict(x):
    return 1e6 + np.asarray(victim()(jnp.asarray(x)), np.float64)

  attack = lookup.find("black_box", "square")(0.05, max_queries=300)
  expected = attack(
    KEY, as_numpy_fn(victim()), np.asarray(X), np.asarray(LABELS)
  )
  found = attack(KEY, predict, np.asarray(X), np.asarray(LABELS))
  np.testing.assert_array_equal(found.queries, expected.queries)


BALLS = [
  name
  for name in SETS
  if "eps" in inspect.signature(lookup.find("perturbations", name)).parameters
  and kind_of(name) == "images"
]


@pytest.mark.parametrize("name", BALLS)
def test_an_infinite_radius_is_the_whole_box(name):
  if not is_additive(name):
    pytest.skip("its radius is not that of a change of pixels")
  x = images()
  whole, wide = (make_set(name, scale) for scale in (jnp.inf, 1e6))
  noise = jax.random.normal(KEY, x.shape)
  for ours, theirs in (
    (whole.sample(KEY, x), wide.sample(KEY, x)),
    (whole.linear_maximizer(x, noise), wide.linear_maximizer(x, noise)),
    (whole.project(x, noise), wide.project(x, noise)),
  ):
    assert jnp.isfinite(ours).all()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
  attack = attacks.compose(search.pgd, whole, losses.margin)
  x_adv = attack(KEY, victim(), X, LABELS)
  assert (victim()(x_adv).argmax(axis=1) != LABELS).all()


def test_an_infinite_radius_is_the_whole_box_outside_of_jax():
  labels, x = np.asarray(LABELS), np.asarray(X)
  for name, norm in (("square", "linf"), ("square", "l2"), ("spsa", "l2")):
    make = lookup.find("black_box", name)
    runs = [
      make(eps, norm=norm, max_queries=200)(
        KEY, as_numpy_fn(victim()), x, labels
      )
      for eps in (np.inf, 1.0 if norm == "linf" else 4.0)
    ]
    assert runs[0].success.all()
    np.testing.assert_array_equal(runs[0].x_adv, runs[1].x_adv)
