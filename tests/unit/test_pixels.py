"""Few pixels, or all of a patch: `l0`, `patch` and the ranking under them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robust_jax import perturbations, search
from robust_jax.perturbations import pixels
from robust_jax.perturbations.top_k import largest_mask

KEY = jax.random.key(0)
ranked = jax.jit(largest_mask)


def images(channels=3, batch=4, size=5):
  return jax.random.uniform(KEY, (batch, size, size, channels))


def changed_pixels(a, b):
  return jnp.any(a != b, axis=-1).sum((1, 2))


@settings(deadline=None, max_examples=60)
@given(
  seed=st.integers(0, 2**16),
  k=st.sampled_from([0, 1, 7, 2.9, 63, 64, 1000]),
  levels=st.sampled_from([1, 3, 10**6]),
)
def test_largest_are_those_that_a_stable_sort_puts_first(seed, k, levels):
  rng = np.random.default_rng(seed)
  scores = np.float32(rng.integers(0, levels, (3, 64)) * 1e-3)
  order = np.argsort(-scores, axis=1, kind="stable")
  expected = np.zeros(scores.shape, bool)
  np.put_along_axis(expected, order[:, : int(k)], True, axis=1)
  np.testing.assert_array_equal(ranked(scores, k), expected)


def test_each_row_may_have_its_own_number_and_keeps_its_nan():
  scores = jnp.array([[1.0, 2, 3], [3, 2, 1], [jnp.nan, 1, 2]])
  mask = ranked(scores, jnp.array([2, 0, 1]))
  np.testing.assert_array_equal(mask[:2], [[0, 1, 1], [0, 0, 0]])


@pytest.mark.parametrize("channels", [1, 3])
def test_l0_counts_a_pixel_once_for_all_its_channels(channels):
  x = images(channels)

  @jax.jit
  def counts(x, wild):
    pset = perturbations.l0(jnp.array([0, 1, 3, 25]))
    x_adv = pset.apply(x, pset.project(x, wild))
    moved = pset.linear_maximizer(x, wild)
    return changed_pixels(x_adv, x), changed_pixels(moved, 0 * x)

  for found in counts(x, jax.random.normal(jax.random.key(1), x.shape)):
    np.testing.assert_array_equal(found, [0, 1, 3, 25])


@pytest.mark.parametrize("function", ["project", "linear_maximizer", "step"])
def test_where_the_channels_are_is_an_option(function):
  x = images()
  delta, grad = jax.random.normal(jax.random.key(1), (2, *x.shape))
  delta = perturbations.l0(3).project(x, delta)
  args = {
    "project": [9 * grad],
    "linear_maximizer": [grad],
    "step": [delta, grad, 0.4],
  }

  def called(pset, move=lambda t: t):
    arrays = [move(a) if jnp.ndim(a) else a for a in (x, *args[function])]
    return getattr(pset, function)(*arrays)

  last = called(perturbations.l0(3))
  first = called(
    perturbations.l0(3, pixel_axes=(1,)), lambda t: jnp.moveaxis(t, -1, 1)
  )
  np.testing.assert_array_equal(jnp.moveaxis(first, 1, -1), last)
  alone = called(perturbations.l0(3, pixel_axes=()))
  np.testing.assert_array_equal(jnp.count_nonzero(alone, (1, 2, 3)), 3)


@pytest.mark.parametrize(
  ("shape", "pixel_axes", "unit"),
  [
    ((2, 5, 5, 3), None, "pixels (of 3 along axis 3)"),
    ((2, 5, 5, 3), (), "coordinates"),
    ((2, 3, 5, 5), (1,), "pixels (of 3 along axis 1)"),
    ((2, 7, 5, 5, 3), None, "coordinates"),
    ((2, 7, 5, 5, 3), (-1,), "pixels (of 3 along axis 4)"),
    ((2, 7, 5, 3), (1, 3), "pixels (of 7 x 3 along axes 1, 3)"),
    ((2, 9), None, "coordinates"),
  ],
)
def test_what_is_counted_is_said(shape, pixel_axes, unit):
  assert pixels.unit_name(shape, pixel_axes) == unit


@pytest.mark.parametrize("pixel_axes", [(0,), (4,), (-4,), (-5,)])
def test_axes_that_no_pixel_can_span_are_refused(pixel_axes):
  with pytest.raises(ValueError, match="expected axes of an input with 4 axes"):
    perturbations.l0(1, pixel_axes=pixel_axes).sample(KEY, images())


def test_l0_keeps_what_changes_most_in_the_box():
  # The first pixel asks for most but is at the wall.
  x = jnp.array([1.0, 0.5, 0.5]).reshape(1, 1, 3, 1)
  delta = jnp.array([9.0, 0.2, -0.3]).reshape(x.shape)
  kept = perturbations.l0(1).project(x, delta)
  np.testing.assert_allclose(kept.ravel(), [0, 0, -0.3], atol=1e-6)


def test_l0_of_vectors_counts_entries():
  x, delta = jnp.full((1, 4), 0.5), jnp.array([[0.1, -0.4, 0.2, 0.3]])
  kept = perturbations.l0(2).project(x, delta)
  np.testing.assert_allclose(kept, [[0, -0.4, 0, 0.3]], atol=1e-6)


def test_one_step_in_l0_is_the_best_for_a_linear_model_on_gray():
  # Each of the k pixels of largest gradient goes to its wall.
  w = jax.random.normal(jax.random.key(3), (75,))
  x = jnp.full((2, 5, 5, 3), 0.5)

  @jax.jit
  def gain(x):
    value = lambda x: x.reshape(len(x), -1) @ w
    found = search.fgsm(KEY, value, perturbations.l0(4), x)
    return found.value - value(x)

  best = jnp.sort(jnp.abs(w).reshape(25, 3).sum(1))[-4:].sum() / 2
  np.testing.assert_allclose(gain(x), best, rtol=1e-5)


def test_patch_changes_its_rectangle_and_nothing_else():
  x = images()
  pset = perturbations.patch(2, 3, top=jnp.array([0, 1, 2, 3]), left=1)
  wild = 9 * jax.random.normal(KEY, x.shape)
  delta = pset.project(x, pset.zero(x) | {"change": wild})
  changed = np.asarray(jnp.any(pset.apply(x, delta) != x, axis=-1))
  for i in range(4):
    expected = np.zeros((5, 5), bool)
    expected[i : i + 2, 1:4] = True
    np.testing.assert_array_equal(changed[i], expected)


def test_patch_reaches_any_color():
  x, pset = images(), perturbations.patch(5, 5)
  color = jax.random.uniform(jax.random.key(1), x.shape)
  delta = pset.zero(x) | {"change": color - x}
  reached = pset.apply(x, pset.project(x, delta))
  np.testing.assert_allclose(reached, color, atol=1e-6)


def test_random_places_are_all_places_alike_and_each_examples_own():
  x, pset = jnp.zeros((6000, 4, 5, 1)), perturbations.patch(2, 4)
  corner = pset.sample(KEY, x)["corner"]
  places, counts = np.unique(corner, axis=0, return_counts=True)
  expected = [(row, column) for row in range(3) for column in range(2)]
  np.testing.assert_array_equal(places, expected)
  # Four standard deviations of a count of about 1000.
  assert np.all(np.abs(counts - 1000) < 4 * np.sqrt(1000 * 5 / 6))


def test_a_patch_without_a_place_starts_in_the_middle_and_stays_in_place():
  x, pset = images(1), perturbations.patch(3, 1)
  np.testing.assert_array_equal(pset.zero(x)["corner"], [[1, 2]] * 4)
  start = pset.sample(KEY, x)
  grad = jax.grad(lambda t: pset.apply(x, t).sum())(start)
  linear_maximizer = pset.linear_maximizer(x, grad)
  np.testing.assert_array_equal(linear_maximizer["corner"], 0)
  np.testing.assert_array_equal(linear_maximizer["change"].sum((1, 2, 3)), 3)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"height": 0, "width": 1}, "height = 0: expected a whole number"),
    ({"height": 6, "width": 1}, "height = 6: expected at most 5"),
    ({"height": 2, "width": 2, "top": -1}, "top = -1: expected 0 or more"),
    ({"height": 2, "width": 2, "left": 4}, "left = 4: expected 3 or less"),
  ],
)
def test_a_patch_that_does_not_fit_is_refused(options, message):
  with pytest.raises(ValueError, match=message):
    perturbations.patch(**options).zero(images())


def test_negative_sizes_are_refused():
  with pytest.raises(ValueError, match="k = -1: expected 0 or more"):
    perturbations.l0(-1)
  with pytest.raises(ValueError, match=r"eps = -0.5: expected 0 or more"):
    perturbations.l1(-0.5)
