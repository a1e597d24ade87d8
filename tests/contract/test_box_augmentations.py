"""Laws of every augmentation that moves boxes; they are discovered."""

import functools
import inspect

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import lookup
from robust_jax.augmentation import boxes as members
from robust_jax.augmentation import chain
from robust_jax.augmentation.boxes import affine, flip, mosaic

PACKAGE = "augmentation.boxes"
KEY = jax.random.key(0)
B, G, HEIGHT, WIDTH = 12, 4, 40, 48
each = pytest.mark.parametrize("name", lookup.members(PACKAGE))
# Options by which a member does much; and by which it does nothing.
STRONG = {
  "affine": {"scale": 0.4, "translation": 0.5},
  "flip": {"vertical": True},
  "mosaic": {"probability": 1.0},
}
STILL = {"affine": {}, "mosaic": {"probability": 0.0}}


@functools.cache
def painted():
  """Black images with a rectangle each, of a gray level of its own.

  Every third image has none; the other slots are padding.
  """
  rng = np.random.default_rng(0)
  x = np.zeros((B, HEIGHT, WIDTH, 1), np.float32)
  y = {
    "boxes": np.zeros((B, G, 4), np.float32),
    "classes": np.zeros((B, G), np.int32),
    "present": np.zeros((B, G), np.float32),
  }
  for i in range(B):
    if i % 3 == 2:
      continue
    left, top = rng.integers(2, 24, 2)
    width, height = rng.integers(6, 15, 2)
    x[i, top : top + height, left : left + width] = level(i)
    slot = i % G
    y["boxes"][i, slot] = left, top, left + width, top + height
    y["classes"][i, slot], y["present"][i, slot] = i, 1
  return {"x": x, "y": y}


def level(i):
  return np.float32((i + 5) / (B + 5))


@functools.cache
def strong(name):
  return jax.jit(lookup.find(PACKAGE, name)(**STRONG[name]))


def shown(image, i):
  """The box around the pixels of object i that are not blended."""
  there = np.argwhere(np.abs(image[..., 0] - level(i)) < 1e-3)
  low, high = there.min(axis=0), there.max(axis=0) + 1
  return np.array([low[1], low[0], high[1], high[0]])


@each
def test_a_painted_rectangle_stays_under_its_box(name):
  number = 0
  for key in jax.random.split(KEY, 4):
    after = jax.device_get(strong(name)(key, painted()))
    objects = after["y"]
    for i, slot in np.argwhere(objects["present"] > 0):
      box, which = objects["boxes"][i, slot], objects["classes"][i, slot]
      # A border of a pixel is blended by interpolation.
      np.testing.assert_allclose(box, shown(after["x"][i], which), atol=1.6)
      number += 1
  assert number > B  # of four times two thirds of as many


@each
def test_the_shapes_stay_and_padding_is_no_box(name):
  batch = painted()
  after = strong(name)(KEY, batch)
  chex.assert_trees_all_equal_shapes_and_dtypes(after, batch)
  x, y = after["x"], after["y"]
  assert ((x >= 0) & (x <= 1)).all()
  assert set(np.unique(y["present"])) <= {0, 1}
  np.testing.assert_array_equal(y["boxes"][y["present"] == 0], 0)
  edge = jnp.float32([WIDTH, HEIGHT, WIDTH, HEIGHT])
  assert ((y["boxes"] >= 0) & (y["boxes"] <= edge)).all()


@each
def test_it_is_a_function_of_its_key(name):
  one, again = (strong(name)(KEY, painted()) for _ in range(2))
  chex.assert_trees_all_equal(one, again)
  other = strong(name)(jax.random.key(1), painted())
  assert not np.array_equal(one["x"], other["x"])


@each
def test_images_without_objects_have_none_afterwards(name):
  batch = painted()
  none = {**batch["y"], "present": np.zeros((B, G), np.float32)}
  after = strong(name)(KEY, {**batch, "y": none})
  assert not after["y"]["present"].any()


@each
def test_what_does_nothing_is_the_identity(name):
  if name not in STILL:
    with pytest.raises(ValueError, match="expected at least one"):
      flip(horizontal=False)
    return
  still = lookup.find(PACKAGE, name)(**STILL[name])
  chex.assert_trees_all_close(still(KEY, painted()), painted(), atol=1e-5)


@each
def test_a_mostly_hidden_object_becomes_padding(name):
  """As many as before remain where none has to, and fewer where all must."""
  factory = lookup.find(PACKAGE, name)
  if "least_visible" not in inspect.signature(factory).parameters:
    pytest.skip("it hides nothing")

  def number(least):
    augment = jax.jit(factory(**STRONG[name], least_visible=least))
    found = [augment(key, painted())["y"] for key in jax.random.split(KEY, 4)]
    return sum(y["present"].sum() for y in found)

  numbers = [number(least) for least in (0.0, 0.3, 0.99)]
  assert numbers[0] > numbers[1] > numbers[2] > 0


def test_a_flip_twice_is_the_identity():
  augment = flip(vertical=True)
  once = augment(KEY, painted())
  assert not np.array_equal(once["x"], painted()["x"])
  chex.assert_trees_all_equal(augment(KEY, once), painted())


def test_a_chain_moves_boxes_as_its_parts_do():
  parts = [flip(vertical=True), mosaic(probability=1.0)]
  expected = painted()
  for place, part in enumerate(parts):
    expected = part(jax.random.fold_in(KEY, place), expected)
  chex.assert_trees_all_equal(chain(parts)(KEY, painted()), expected)


@pytest.mark.parametrize("degrees", [10.0, 45.0])
def test_a_rotated_box_is_around_its_corners(degrees):
  """A square of side s becomes one of s (cos + sin), around the same center."""
  y = {
    "boxes": jnp.float32([[[20, 14, 28, 22]]]),
    "classes": jnp.zeros((1, 1), int),
    "present": jnp.ones((1, 1)),
  }
  batch = {"x": jnp.zeros((1, HEIGHT, WIDTH, 1)), "y": y}
  keys = jax.random.split(KEY, 200)
  turn = jax.jit(
    jax.vmap(lambda key: affine(rotation=degrees)(key, batch)["y"])
  )
  boxes = turn(keys)["boxes"][:, 0, 0]
  sides = (boxes[:, 2] - boxes[:, 0]) / 8
  largest = np.cos(np.deg2rad(degrees)) + np.sin(np.deg2rad(degrees))
  assert sides.min() >= 1 - 1e-5
  assert sides.max() <= largest + 1e-5
  assert sides.max() > 1 + 0.9 * (largest - 1)
  radius = np.hypot(
    (boxes[:, 0] + boxes[:, 2]) / 2 - WIDTH / 2,
    (boxes[:, 1] + boxes[:, 3]) / 2 - HEIGHT / 2,
  )
  np.testing.assert_allclose(radius, 2.0, rtol=1e-4)


def test_a_rotated_rectangle_is_under_its_box():
  """Its pixels reach as far as the box that its corners span."""
  after = jax.jit(affine(rotation=30.0))(KEY, painted())
  after = jax.device_get(after)
  for i, slot in np.argwhere(after["y"]["present"] > 0):
    there = np.argwhere(after["x"][i, ..., 0] > 0.05)
    low, high = there.min(axis=0), there.max(axis=0) + 1
    found = [low[1], low[0], high[1], high[0]]
    np.testing.assert_allclose(after["y"]["boxes"][i, slot], found, atol=1.6)


def test_of_too_many_objects_in_a_mosaic_the_largest_are_kept():
  boxes = np.tile(np.float32([[8, 8, 14, 14], [30, 26, 40, 38]]), (B, 1, 1))
  y = {
    "boxes": boxes,
    "classes": np.zeros((B, 2), np.int32),
    "present": np.ones((B, 2), np.float32),
  }
  x = np.zeros((B, HEIGHT, WIDTH, 1), np.float32)
  after = mosaic(probability=1.0)(KEY, {"x": x, "y": y})["y"]
  assert after["present"].all()
  sides = after["boxes"][..., 2:] - after["boxes"][..., :2]
  area = sides.prod(axis=-1)
  assert (np.diff(area, axis=1) <= 0).all()


def test_every_member_is_held_to_the_laws():
  assert set(STRONG) == set(lookup.members(PACKAGE)) == set(members.__all__)
