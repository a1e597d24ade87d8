"""Affine transforms agree with SciPy's, and with those that need none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from robust_jax.perturbations.affine import Transform, affine

KEY = jax.random.key(0)
# float32 places err by 1e-7 of the image's size, and pixels differ by up to 1.
PLACES = 3e-6


def images(*shape):
  return jax.random.uniform(jax.random.key(1), shape)


def transform(batch_size, rotation=0.0, translation=(0, 0), scale=0.0, shear=0):
  every = lambda value: jnp.full(batch_size, value, jnp.float32)
  shift = jnp.tile(jnp.float32(translation), (batch_size, 1))
  return Transform(every(rotation), shift, every(scale), every(shear))


def forward_matrix(delta, b):
  """Of (row, column) offsets from the center."""
  a, lean = jnp.deg2rad(delta.rotation[b]), jnp.deg2rad(delta.shear[b])
  rotate = jnp.array([[jnp.cos(a), -jnp.sin(a)], [jnp.sin(a), jnp.cos(a)]])
  sheared = jnp.array([[1, 0], [jnp.tan(lean), 1]])
  return (1 + delta.scale[b]) * rotate @ sheared


def moved(pset, x, delta):
  return jax.jit(pset.apply)(x, delta)


@pytest.mark.parametrize("shape", [(9, 12, 2), (8, 8, 1), (1, 5, 1), (5, 1, 3)])
@pytest.mark.parametrize(
  ("padding", "mode"), [("zero", "grid-constant"), ("edge", "nearest")]
)
def test_equals_scipy(shape, padding, mode):
  x = images(3, *shape)
  pset = affine(170, 4, scale=0.5, shear=40, padding=padding)
  delta = pset.sample(KEY, x)
  ours = moved(pset, x, delta)
  center = (np.array(shape[:2]) - 1) / 2
  for b, c in np.ndindex(3, shape[2]):
    matrix = np.linalg.inv(np.float64(forward_matrix(delta, b)))
    theirs = scipy.ndimage.affine_transform(
      np.float64(x[b, ..., c]),
      matrix,
      center - matrix @ (center + np.float64(delta.translation[b])),
      order=1,
      mode=mode,
    )
    np.testing.assert_allclose(ours[b, ..., c], theirs, atol=PLACES)


@pytest.mark.parametrize("padding", ["zero", "edge"])
@pytest.mark.parametrize("shape", [(7, 7, 1), (8, 5, 3), (1, 1, 1)])
def test_no_change_is_exact(shape, padding):
  x, pset = images(2, *shape), affine(padding=padding)
  np.testing.assert_array_equal(moved(pset, x, pset.zero(x)), x)


@pytest.mark.parametrize("size", [6, 7])
@pytest.mark.parametrize("turns", [-1, 1, 2, 3])
def test_right_angles_are_rot90(size, turns):
  x = images(2, size, size, 2)
  ours = moved(affine(360), x, transform(2, rotation=90.0 * turns))
  np.testing.assert_allclose(ours, jnp.rot90(x, turns, (1, 2)), atol=PLACES)


@pytest.mark.parametrize(("down", "right"), [(2, 0), (-1, 3), (0, -5), (9, 0)])
def test_whole_pixels_are_moved_exactly(down, right):
  x = images(2, 6, 7, 1)
  ours = moved(affine(), x, transform(2, translation=(down, right)))
  wide = jnp.pad(x, ((0, 0), (9, 9), (9, 9), (0, 0)))
  there = jnp.roll(wide, (down, right), (1, 2))[:, 9:-9, 9:-9]
  np.testing.assert_array_equal(ours, there)


def test_twice_as_large_shows_the_middle():
  # Pixels 2 and 6 of a line of 9 are where 3 and 5 of the small one were.
  x = images(1, 9, 9, 1)
  ours = moved(affine(scale=0.5), x, transform(1, scale=1.0))
  np.testing.assert_allclose(ours[:, ::2, ::2], x[:, 2:7, 2:7], atol=PLACES)


def test_the_lower_end_leans_to_the_right():
  x = jnp.zeros((1, 5, 5, 1)).at[:, :, 2].set(1.0)
  ours = moved(affine(), x, transform(1, shear=45.0))[0, ..., 0]
  np.testing.assert_allclose(ours, jnp.eye(5), atol=PLACES)


def test_every_example_has_its_own():
  x = images(4, 6, 6, 1)
  pset = affine(90, 2, scale=0.2, shear=10)
  delta = pset.sample(KEY, x)
  together = moved(pset, x, delta)
  for b in range(4):
    one = jax.tree.map(lambda t, b=b: t[b : b + 1], (x, delta))
    np.testing.assert_allclose(together[b], moved(pset, *one)[0], atol=1e-6)


def test_nan_stays_with_its_example():
  x, pset = images(3, 6, 6, 1), affine()
  delta = pset.sample(KEY, x)
  ill = delta._replace(rotation=delta.rotation.at[1].set(jnp.nan))
  healthy, spoiled = moved(pset, x, delta), moved(pset, x, ill)
  np.testing.assert_array_equal(spoiled[::2], healthy[::2])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_keeps_the_dtype(dtype):
  x, pset = images(2, 6, 6, 1).astype(dtype), affine()
  delta = pset.sample(KEY, x)
  assert moved(pset, x, delta).dtype == dtype
  assert all(t.dtype == jnp.float32 for t in delta)


@pytest.mark.parametrize("padding", ["zero", "edge"])
def test_stays_in_the_box_exactly(padding):
  keys = jax.random.split(jax.random.key(3))
  x = jax.random.uniform(keys[0], (500, 9, 9, 1))
  x = jnp.clip(2 * x - 0.5, 0, 1)  # many black and white pixels
  pset = affine(180, 5, scale=0.5, shear=30, padding=padding)
  result = moved(pset, x, pset.sample(keys[1], x))
  assert result.min() >= 0
  assert result.max() <= 1


def test_gradient_on_a_slope_is_that_of_the_places():
  # Bilinear reading of an image that is affine in its pixels is exact.
  row, column = jnp.meshgrid(jnp.arange(16.0), jnp.arange(16.0), indexing="ij")
  x = (0.1 + 0.02 * row + 0.03 * column)[None, ..., None]
  weights = (
    jnp.zeros((16, 16)).at[5:11, 5:11].set(jax.random.normal(KEY, (6, 6)))
  )

  def closed_form(delta):
    offset = jnp.stack([row, column], axis=-1) - 7.5 - delta.translation[0]
    place = 7.5 + offset @ jnp.linalg.inv(forward_matrix(delta, 0)).T
    return jnp.sum(weights * (0.1 + place @ jnp.array([0.02, 0.03])))

  def ours(delta):
    return jnp.vdot(weights, affine().apply(x, delta))

  delta = transform(1, 7.3, (0.31, -0.43), 0.11, 5.2)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
    jax.jit(jax.value_and_grad(ours))(delta),
    jax.jit(jax.value_and_grad(closed_form))(delta),
  )


def test_linear_maximizer_is_the_corner_that_the_gradient_points_to():
  x = images(2, 6, 6, 1)
  pset = affine(20, 2, scale=0.1, eps=jnp.array([1.0, 0.5]))
  grad = transform(2, rotation=-1e-30, translation=(3.0, -7.0), scale=4.0)
  corner = pset.linear_maximizer(x, grad)
  np.testing.assert_allclose(corner.rotation, [-20, -10])
  np.testing.assert_allclose(corner.translation, [[2, -2], [1, -1]])
  np.testing.assert_allclose(corner.scale, [0.1, 0.05])
  np.testing.assert_array_equal(corner.shear, 0)


def test_samples_fill_their_ranges_and_nothing_else():
  x = jnp.zeros((4000, 2, 2, 1))
  delta = affine(30, 3).sample(KEY, x)
  for values, limit in ((delta.rotation, 30), (delta.translation, 3)):
    assert limit * 0.99 < jnp.abs(values).max() <= limit
    # The mean of n uniform draws has the deviation limit / sqrt(3 n).
    assert jnp.all(jnp.abs(values.mean(0)) < 5 * limit / np.sqrt(3 * 4000))
  assert not jnp.any(delta.scale)
  assert not jnp.any(delta.shear)
  np.testing.assert_array_equal(
    jax.tree.leaves(affine(30, 3).project(x, delta))[0], delta.rotation
  )


def points(grid):
  return jax.vmap(grid.at)(jnp.arange(grid.size))


def test_the_grid_of_the_paper():
  x = images(2, 6, 6, 1)
  grid = affine(30, 3).grid(x, (31, 5, 5))
  delta = points(grid)
  assert grid.size == 775
  rows = np.column_stack([delta.rotation[:, 0], delta.translation[:, 0]])
  rotation, shift = np.linspace(-30, 30, 31), np.linspace(-3, 3, 5)
  expected = [(r, d, s) for r in rotation for d in shift for s in shift]
  np.testing.assert_allclose(rows, expected, atol=1e-5)
  assert (rows == 0).all(axis=1).sum() == 1  # the identity, exactly
  assert delta.rotation.max() == 30
  for leaf in delta:  # the same for each example
    np.testing.assert_array_equal(leaf[:, 0], leaf[:, 1])


@pytest.mark.parametrize(
  ("limits", "n", "size"),
  [
    ({"rotation": 30.0, "translation": 3.0}, 5, 125),
    ({"rotation": 30.0, "translation": 0.0}, 7, 7),
    ({"rotation": 0.0, "translation": 2.0, "scale": 0.1}, 3, 27),
    ({"rotation": 1.0, "translation": 1.0, "shear": 1.0}, (3, 1, 1, 1, 5), 15),
    ({"rotation": 30.0, "translation": 3.0}, (3,), 3),
    ({"rotation": 0.0, "translation": 0.0}, 9, 1),
  ],
)
def test_grid_sizes(limits, n, size):
  x = images(2, 4, 4, 1)
  grid = affine(**limits).grid(x, n)
  assert grid.size == size
  delta = points(grid)
  jax.tree.map(
    np.testing.assert_array_equal,
    jax.vmap(lambda t: affine(**limits).project(x, t))(delta),
    delta,
  )


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: affine(-1.0), "rotation = -1.0: expected 0 or more"),
    (lambda: affine(shear=-2), "shear = -2: expected 0"),
    (lambda: affine(eps=-0.1), "eps = -0.1: expected 0"),
    (lambda: affine(scale=1.0), "scale = 1.0: expected less than 1"),
    (
      lambda: affine(padding="mirror"),
      "padding = 'mirror': expected 'zero' or",
    ),
    (
      lambda: affine().grid(images(1, 2, 2, 1), [3] * 6),
      "expected at most 5 counts",
    ),
    (lambda: affine().grid(images(1, 2, 2, 1), 0), "n = 0: expected a whole"),
    (lambda: affine().apply(images(2, 9), transform(2)), r"images \[B, H, W"),
  ],
)
def test_bad_input_is_refused_in_prose(make, message):
  with pytest.raises(ValueError, match=message):
    make()


def test_ranges_may_be_traced_and_a_sweep_compiles_once():
  x, traces = images(2, 5, 5, 1), []

  @jax.jit
  def farthest(limit, eps):
    traces.append(limit)
    pset = affine(limit, limit, scale=limit / 100, eps=eps)
    return pset.project(x, transform(2, 99.0, (99.0, -99.0), 99.0)).rotation

  for limit, eps in ((1.0, 1.0), (2.0, 0.5), (4.0, 2.0)):
    np.testing.assert_allclose(farthest(limit, eps), limit * eps)
  assert len(traces) == 1
