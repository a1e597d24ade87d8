"""Laws of every loss of a detector; they are discovered, not listed."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import checks, lookup, losses

PACKAGE = "losses.detection"
B, H, W, G, K = 5, 6, 8, 3, 4
each_loss = pytest.mark.parametrize("name", lookup.members(PACKAGE))


def random_outputs(seed=0):
  rng = np.random.default_rng(seed)
  corner = rng.uniform(-4, 28, (B, H, W, 2))
  size = rng.uniform(2, 20, (B, H, W, 2))
  return {
    "heatmap": np.float32(rng.normal(size=(B, H, W, K))),
    "boxes": np.float32(np.concatenate([corner, corner + size], axis=-1)),
  }


def random_targets(seed=0):
  """From none to three objects in an image; the rest is padding."""
  rng = np.random.default_rng(seed)
  corner = rng.uniform(0, 12, (B, G, 2))
  size = rng.uniform(4, 12, (B, G, 2))
  return {
    "boxes": np.float32(np.concatenate([corner, corner + size], axis=-1)),
    "classes": rng.integers(0, K, (B, G)),
    "present": np.float32(np.arange(G) < np.arange(B)[:, None]),
  }


@functools.cache
def compiled(name):
  """(the loss, the gradient of its sum)."""

  def run(outputs, targets):
    value, pull = jax.vjp(
      lambda o: lookup.find(PACKAGE, name)(o, targets), outputs
    )
    return value, pull(jnp.ones_like(value))[0]

  return jax.jit(run)


@each_loss
def test_one_float32_for_each_image_and_a_gradient_with_or_without_objects(
  name,
):
  outputs, targets = random_outputs(), random_targets()
  value, grad = compiled(name)(outputs, targets)
  assert (value.shape, value.dtype) == ((B,), jnp.float32)
  chex.assert_tree_all_finite((value, grad))
  moved = [np.abs(leaf).max((1, 2, 3)) > 0 for leaf in jax.tree.leaves(grad)]
  assert np.any(moved, axis=0)[1:].all()  # of the images with objects


@each_loss
def test_padding_and_neighbors_change_nothing(name):
  outputs, targets = random_outputs(), random_targets()
  here = compiled(name)(outputs, targets)
  padded = targets["present"] == 0
  other = {
    "boxes": np.where(padded[..., None], np.float32(3e4), targets["boxes"]),
    "classes": np.where(padded, K - 1, targets["classes"]),
    "present": targets["present"],
  }
  chex.assert_trees_all_equal(compiled(name)(outputs, other), here)
  sick = jax.tree.map(np.copy, outputs)
  for leaf in sick.values():
    leaf[1:3] = np.nan
  stay = np.array([0, 3, 4])
  kept = jax.tree.map(lambda leaf: leaf[stay], here)
  among = compiled(name)(sick, targets)
  chex.assert_trees_all_equal(
    jax.tree.map(lambda leaf: leaf[stay], among), kept
  )


@each_loss
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e3, 1e8])
def test_it_is_finite_at_extreme_outputs(name, scale):
  outputs = jax.tree.map(
    lambda leaf: np.float32(scale) * leaf, random_outputs()
  )
  chex.assert_tree_all_finite(compiled(name)(outputs, random_targets()))


@each_loss
def test_the_order_of_objects_and_the_names_of_classes_do_not_matter(name):
  outputs, targets = random_outputs(), random_targets()
  value, _ = compiled(name)(outputs, targets)
  turned = jax.tree.map(lambda leaf: leaf[:, ::-1], targets)
  np.testing.assert_allclose(
    compiled(name)(outputs, turned)[0], value, rtol=1e-5
  )
  order = np.array([2, 0, 3, 1])
  renamed = {**targets, "classes": np.argsort(order)[targets["classes"]]}
  swapped = {**outputs, "heatmap": outputs["heatmap"][..., order]}
  np.testing.assert_allclose(
    compiled(name)(swapped, renamed)[0], value, rtol=1e-5
  )


@each_loss
def test_targeted_is_its_negative_and_is_checked_alike(name):
  loss, outputs, targets = (
    lookup.find(PACKAGE, name),
    random_outputs(),
    random_targets(),
  )
  opposite = losses.targeted(loss)
  np.testing.assert_array_equal(
    opposite(outputs, targets), -loss(outputs, targets)
  )
  for sick, message in (
    ((outputs["heatmap"], targets), "expected the entries heatmap, boxes"),
    ((outputs, {**targets, "mask": 1}), "boxes, classes, present"),
    (({**outputs, "boxes": outputs["heatmap"][..., :3]}, targets), "each cell"),
    ((outputs, {**targets, "classes": targets["classes"] + K}), "0..3"),
    ((outputs, {**targets, "present": np.ones((B, 1))}), "as 'present' has"),
    ((outputs, {**targets, "present": np.ones(B)}), "0 for padding"),
    ((outputs, {**targets, "classes": targets["present"]}), "integers"),
  ):
    for ask in (loss, functools.partial(checks.objective, opposite)):
      with pytest.raises(ValueError, match=message):
        ask(*sick)
