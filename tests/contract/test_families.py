"""Laws of every family of a comparison; they are discovered, not listed.

Changes that are corruptions are held to the same laws by the contract of
corruptions; here they are traced only.
"""

import functools

import jax
import numpy as np
import pytest

from robust_jax import lookup
from robust_jax.comparison.data_kinds import Images
from robust_jax.comparison.transformation import (
  Family,
  example_number,
)
from robust_jax.corruptions.base import SEVERITIES

PACKAGE = "comparison.families"
FAMILIES = lookup.members(PACKAGE)
B = 4
# The first that a family is for; it may want images like MNIST's.
SHAPES = ((9, 12, 3), (28, 28, 1))
MIXED = np.array([2, 0, 3, 1])
NUMBERS = np.array([example_number(f"image {i}") for i in range(B)], np.uint32)
LABELS = np.arange(B) % 2


@functools.cache
def family(name):
  """(the family, the shape of images that it has transformations of)."""
  factory = lookup.find(PACKAGE, name)
  for shape in SHAPES:
    made = factory([shape])
    if made.transformations:
      return made, shape
  raise AssertionError(
    f"{name} is for none of {SHAPES}: add a shape it is for."
  )


def is_corruption(change):
  return getattr(change, "func", change) in CORRUPTIONS


CORRUPTIONS = [
  lookup.find("corruptions", name) for name in lookup.members("corruptions")
]
EACH = [
  (name, transformation)
  for name in FAMILIES
  for transformation in family(name)[0].transformations
]
each_family = pytest.mark.parametrize("name", FAMILIES)


@functools.cache
def images(shape):
  """Uint8: black, white, noise, and a smooth one."""
  x = np.random.default_rng(0).integers(0, 256, (B, *shape)).astype(np.uint8)
  rows, columns = np.indices(shape[:2]) / 4
  x[0], x[1] = 0, 255
  x[3] = (128 + 100 * np.sin(rows) * np.cos(columns))[..., None]
  x.flags.writeable = False
  return x


def linear(weights, x):
  return x.reshape(len(x), -1) @ weights


def of_classes(shape):
  weights = np.random.default_rng(1).normal(size=(np.prod(shape), 2))
  return jax.tree_util.Partial(linear, weights.astype(np.float32))


class Applied:
  """A transformation on images, of which each is numbered, at a level."""

  def __init__(self, name, transformation):
    self.it, self.shape = transformation, family(name)[1]
    self._model = of_classes(self.shape) if transformation.of_model else None

  def __call__(self, level, rows=slice(None), seed=0, x=None):
    x = images(self.shape) if x is None else x
    return Images().transform(
      self.it,
      x[rows],
      NUMBERS[rows],
      level,
      seed,
      B,
      LABELS[rows] if self.it.of_model else None,
      self._model,
    )


def named(pair):
  return f"{pair[0]}-{pair[1].name}"


@pytest.fixture(
  params=[pair for pair in EACH if not is_corruption(pair[1].change)],
  ids=named,
  scope="module",
)
def applied(request):
  return Applied(*request.param)


@each_family
def test_a_family_is_about_something_and_names_differ(name):
  made, _ = family(name)
  assert isinstance(made, Family)
  assert made.about.endswith(".")
  names = [transformation.name for transformation in made.transformations]
  assert len(set(names)) == len(names)
  for transformation in made.transformations:
    levels = list(transformation.levels)
    assert levels == sorted(set(levels))
    assert len(transformation.labels) == len(levels)
    assert all(transformation.labels)


@each_family
def test_a_family_is_for_some_images_of_every_data_set_or_none(name):
  """It is asked of several shapes at once and of the smallest images."""
  for shapes in (SHAPES, [(1, 1, 1)], [(224, 224, 3)]):
    made = lookup.find(PACKAGE, name)(shapes)
    assert made.about.endswith(".")


@pytest.mark.parametrize(
  "pair", [pair for pair in EACH if is_corruption(pair[1].change)], ids=named
)
def test_a_corruption_takes_levels_and_shapes_of_its_family(pair):
  name, it = pair
  assert set(it.levels) <= set(SEVERITIES)
  x = jax.ShapeDtypeStruct((B, *family(name)[1]), np.float32)
  keys = jax.random.split(jax.random.key(0), B)
  y = jax.eval_shape(it.change, keys, x, 1)
  assert (y.shape, y.dtype) == (x.shape, x.dtype)


def test_every_level_is_images_of_the_same_kind_and_one_program(applied):
  results = [applied(level) for level in applied.it.levels]
  for result in results:
    assert (result.shape, result.dtype) == ((B, *applied.shape), np.uint8)
  if len(results) > 1:
    assert any(not np.array_equal(results[0], other) for other in results[1:])


def test_it_is_a_function_of_example_number_and_seed_alone(applied):
  """Not of the neighbors, the place in the batch, or what ran before."""
  level = applied.it.levels[-1]
  whole = applied(level)
  np.testing.assert_array_equal(applied(level, MIXED), whole[MIXED])
  np.testing.assert_array_equal(applied(level, slice(2, 3)), whole[2:3])
  others = 255 - images(applied.shape)
  others[2] = images(applied.shape)[2]
  np.testing.assert_array_equal(applied(level, x=others)[2], whole[2])
  np.testing.assert_array_equal(applied(level), whole)
