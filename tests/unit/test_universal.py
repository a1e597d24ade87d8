"""One perturbation, or one patch, for many images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses
from robust_jax import perturbations as sets
from robust_jax.attacks.universal.adversarial_patch import (
  Placement,
  place,
  random_placement,
)
from robust_jax.attacks.universal.universal import apply_universal

KEY = jax.random.key(0)
WEIGHTS = jax.random.normal(jax.random.key(1), (64, 2))
X = jax.random.uniform(jax.random.key(2), (40, 8, 8, 1), jnp.float32, 0.3, 0.7)
Y = jnp.zeros(40, int)


def linear(x):
  return x.reshape(len(x), -1) @ WEIGHTS


def scaled(scale, x):
  return scale * linear(x)


def find(pset, **hyper):
  return jax.jit(
    attacks.universal(pset, batch_size=16, **hyper), static_argnums=1
  )


def test_on_a_linear_model_it_is_the_best_for_every_single_image():
  # All images have one label, so the best delta is the same for each.
  difference = (WEIGHTS[:, 1] - WEIGHTS[:, 0]).reshape(X[:1].shape)
  delta = find(sets.linf(0.1))(KEY, linear, X, Y)
  np.testing.assert_allclose(delta, 0.1 * jnp.sign(difference), atol=1e-6)
  delta = find(sets.l2(0.3), num_epochs=20)(KEY, linear, X, Y)
  np.testing.assert_allclose(
    delta, 0.3 * difference / jnp.linalg.norm(difference), atol=1e-6
  )


def test_batches_that_disagree_are_followed_to_where_most_of_them_lead():
  """Two images in five pull the other way: the mean of 500 steps is a fifth."""
  labels = jnp.arange(50) % 5 < 2
  x = jnp.full((50, 8, 8, 1), 0.5)
  attack = attacks.universal(sets.linf(0.1), losses.margin, batch_size=1)
  delta = attack(KEY, linear, x, labels.astype(int))
  difference = (WEIGHTS[:, 1] - WEIGHTS[:, 0]).reshape(delta.shape)
  assert jnp.mean(delta * jnp.sign(difference)) > 0.7 * 0.1


def test_the_scale_of_the_logits_does_not_matter():
  pset = sets.linf(0.02)
  attack = attacks.universal(pset, batch_size=16)
  best = attack(KEY, jax.tree_util.Partial(scaled, jnp.float32(1)), X, Y)
  reached = linear(apply_universal(pset, best, X)).argmax(axis=1) != Y
  assert 0 < reached.sum() < len(X)
  for scale in (1e-8, 1e8):
    model = jax.tree_util.Partial(scaled, jnp.float32(scale))
    delta = attack(KEY, model, X, Y)
    wrong = linear(apply_universal(pset, delta, X)).argmax(axis=1) != Y
    np.testing.assert_array_equal(wrong, reached)


def test_it_fits_unseen_images_and_stays_in_the_set_and_the_box():
  pset = sets.linf(0.2)
  delta = find(pset)(KEY, linear, X, Y)
  unseen = jax.random.uniform(jax.random.key(3), (70, 8, 8, 1)).round(1)
  x_adv = apply_universal(pset, delta, unseen)
  assert x_adv.shape == unseen.shape
  assert x_adv.min() >= 0
  assert x_adv.max() <= 1
  # One rounding at the scale of the image.
  assert jnp.abs(x_adv - unseen).max() <= 0.2 + 1e-7
  rise = losses.margin(linear(x_adv), jnp.zeros(70, int)) - losses.margin(
    linear(unseen), jnp.zeros(70, int)
  )
  assert jnp.all(rise > 0)


def test_an_image_whose_gradient_is_nan_has_no_say():
  def model(x):
    far = jnp.linalg.norm((x - X[0]).reshape(len(x), -1), axis=1)
    return linear(x) + 1e-9 * far[:, None]

  assert jnp.isnan(jax.grad(lambda x: model(x)[:, 0].sum())(X)[0]).all()
  pset = sets.linf(0.1)
  # Only at delta = 0, from where the first step goes.
  delta = find(pset, num_epochs=1)(KEY, model, X, Y)
  np.testing.assert_allclose(
    delta, find(pset, num_epochs=1)(KEY, linear, X, Y), atol=1e-6
  )


def test_a_target_for_all():
  delta = find(sets.linf(0.3), objective=losses.targeted(losses.margin))(
    KEY, linear, X, Y + 1
  )
  assert jnp.all(
    linear(apply_universal(sets.linf(0.3), delta, X)).argmax(axis=1) == 1
  )


def test_a_few_steps_of_the_default_size_reach_the_corner():
  delta = find(sets.linf(0.1), num_epochs=1)(KEY, linear, X, Y)
  np.testing.assert_allclose(jnp.abs(delta), 0.1, atol=1e-6)


def test_images_above_the_clip_have_no_say():
  # The first half is at a large loss already and would pull the other way.
  wrong = jnp.concatenate([jnp.zeros(20, int), jnp.ones(20, int)])

  def loss(logits, labels):
    value = logits[:, 1] - logits[:, 0]
    return jnp.where(labels == 1, 100.0 - 3 * value, value)

  delta = find(sets.linf(0.1), objective=loss)(KEY, linear, X, wrong)
  difference = (WEIGHTS[:, 1] - WEIGHTS[:, 0]).reshape(X[:1].shape)
  np.testing.assert_allclose(delta, 0.1 * jnp.sign(difference), atol=1e-6)


def test_the_transformation_is_what_the_model_sees():
  # Its mean over flips of left and right is symmetric, and so is the optimum.
  def flip(key, x):
    mirrored = jax.random.bernoulli(key, 0.5, (len(x), 1, 1, 1))
    return jnp.where(mirrored, x[:, :, ::-1], x)

  delta = find(sets.l2(0.3), transform=flip, num_epochs=200, step_size=0.01)(
    KEY, linear, X, Y
  )
  difference = (WEIGHTS[:, 1] - WEIGHTS[:, 0]).reshape(X[:1].shape)
  symmetric = difference + difference[:, :, ::-1]
  best = 0.3 * symmetric / jnp.linalg.norm(symmetric)
  # Batches of 16 flips weigh the two sides unevenly; the step averages 100.
  assert (delta * best).sum() / 0.09 > 0.98


def test_fewer_images_than_a_batch_are_refused():
  with pytest.raises(
    ValueError, match="40 images and batch_size = 64: expected"
  ):
    attacks.universal(sets.linf(0.1), batch_size=64)(KEY, linear, X, Y)


def centerd(diameter=4.0, angle=0.0):
  each = lambda value: jnp.full(len(X), value)
  return Placement(each(4.0), each(4.0), each(diameter), each(angle))


def test_a_placed_patch_covers_its_disc_and_nothing_else():
  x_adv = place(jnp.full((5, 5, 1), 0.9), X, centerd())
  changed = jnp.any(x_adv != X, axis=(0, 3))
  rows, columns = jnp.meshgrid(jnp.arange(8) + 0.5, jnp.arange(8) + 0.5)
  disc = (rows - 4) ** 2 + (columns - 4) ** 2 <= 4
  np.testing.assert_array_equal(changed, disc)
  np.testing.assert_allclose(x_adv[:, disc], 0.9, rtol=1e-6)


def test_a_patch_of_the_image_s_resolution_is_copied_pixel_by_pixel():
  patch = jax.random.uniform(KEY, (4, 4, 1))
  seen = place(patch, X, centerd())[0, 2:6, 2:6]
  inside = np.ones((4, 4), bool)
  inside[[0, 0, 3, 3], [0, 3, 0, 3]] = False  # the corners
  np.testing.assert_allclose(seen[inside], patch[inside], atol=1e-6)


def test_a_quarter_turn_turns_the_patch():
  patch = jax.random.uniform(KEY, (4, 4, 1))
  turned = place(patch, X, centerd(angle=jnp.pi / 2))
  np.testing.assert_allclose(
    turned, place(jnp.rot90(patch), X, centerd()), atol=1e-5
  )


def test_placements_stay_within_the_image():
  p = random_placement((0.2, 0.6), degrees=30)(KEY, jnp.zeros((500, 10, 20, 3)))
  assert jnp.all((p.diameter >= 2) & (p.diameter <= 6))
  assert jnp.all(p.row - p.diameter / 2 >= 0)
  assert jnp.all(p.row + p.diameter / 2 <= 10 + 1e-5)
  assert jnp.all(p.column - p.diameter / 2 >= 0)
  assert jnp.all(p.column + p.diameter / 2 <= 20 + 1e-5)
  assert p.column.max() > 16
  assert jnp.all(jnp.abs(p.angle) <= jnp.pi / 6 + 1e-6)
  for bad in ((0.0, 0.5), (0.5, 0.2), (0.5, 1.5)):
    with pytest.raises(
      ValueError, match="expected the smallest and the largest"
    ):
      random_placement(bad)


@pytest.mark.parametrize("target", [None, 1])
def test_the_patch_for_a_model_of_brightness_is_all_white_at_any_scale(target):
  # Class 1 is the bright one: white wherever a pixel can be seen. Where the
  # corner is black, as in one image, the gradient is NaN.
  def bright(scale, x):
    corner = (jnp.arange(64) == 0) * x.reshape(len(x), -1)
    mean = x.mean(axis=(1, 2, 3)) + 1e-9 * jnp.linalg.norm(corner, axis=1)
    return scale * jnp.stack([1.5 - mean, mean], axis=1)

  objective = losses.cross_entropy
  labels = Y
  if target is not None:
    objective, labels = losses.targeted(objective), Y + target
  draw = random_placement((0.5, 0.9))
  search = attacks.adversarial_patch(
    draw, objective, resolution=6, num_steps=60, batch_size=16
  )
  x = X.at[0, 0, 0].set(0.0)
  assert jnp.isnan(jax.grad(lambda x: bright(1, x).sum())(x)[0]).all()
  for scale in (20, 1e-8, 1e8):
    model = jax.tree_util.Partial(bright, jnp.float32(scale))
    patch = search(KEY, model, x, labels)
    assert patch.shape == (6, 6, 1)
    np.testing.assert_allclose(patch[1:5, 1:5], 1.0, atol=1e-6)
  seen = place(patch, X, draw(jax.random.key(9), X))
  assert jnp.all(seen.mean(axis=(1, 2, 3)) > X.mean(axis=(1, 2, 3)))
