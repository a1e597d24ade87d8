"""Laws of every perturbation set."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robust_jax import tree
from robust_jax.perturbations import first_order_step
from tests.contract.members import (
  SETS,
  channels_of,
  has_gradient,
  inputs,
  is_additive,
  is_convex,
  make_set,
  random_like,
  scales,
)

# delta is (x + d) - x, which rounds at the scale of x, not of d.
ROUNDING = 2e-6

each_set = pytest.mark.parametrize("name", SETS)
each_set_gray_and_in_color = pytest.mark.parametrize(
  ("name", "channels"), [(n, c) for n in SETS for c in channels_of(n)]
)
seeds = st.integers(0, 2**16)
few_examples = settings(deadline=None, max_examples=8)


@functools.cache
def function_of(name, member):
  """`(scale, ...) -> ` of a set's function, compiled once for each shape."""

  def run(scale, *args):
    return getattr(make_set(name, scale), member)(*args)

  return jax.jit(run)


@functools.cache
def pull(name):
  """(delta, scale, x, w) -> the gradient of <w, apply(x, delta)> to delta."""

  def inner(delta, scale, x, w):
    return tree.dot(w, make_set(name, scale).apply(x, delta)).sum()

  return jax.jit(jax.grad(inner))


@functools.cache
def wild(name):
  """(seed, x) -> some delta far outside, a few times what the set holds."""

  def draw(seed, x):
    sample = make_set(name).sample(jax.random.key(seed), x)
    span = 3 + 3 * tree.norm(sample, "linf").max()
    return random_like(seed, sample, span)

  return jax.jit(draw)


@functools.cache
def maximizer(name):
  """(scale, x, grad) -> the delta in set and box of largest <grad, delta>."""

  def run(scale, x, grad):
    return first_order_step.linear_maximizer(make_set(name, scale), x, grad)

  return jax.jit(run)


def of_floats(change, x):
  """x, its floating leaves changed."""
  floating = lambda t: jnp.issubdtype(t.dtype, jnp.floating)
  return jax.tree.map(lambda t: change(t) if floating(t) else t, x)


def is_like(x_adv, x):
  """The same structure, shapes and dtypes."""
  kinds = [jax.tree.map(lambda t: (t.shape, t.dtype), t) for t in (x_adv, x)]
  return kinds[0] == kinds[1]


def slope(name, x):
  """The gradient to delta of some linear function of x', or any direction.

  The latter in a set that has no gradient.
  """
  zero = function_of(name, "zero")(1.0, x)
  if not has_gradient(name):
    return random_like(1, zero)
  return pull(name)(zero, 1.0, x, random_like(1, x))


def close(a, b, atol=ROUNDING):
  jax.tree.map(lambda u, v: np.testing.assert_allclose(u, v, atol=atol), a, b)


@each_set_gray_and_in_color
def test_zero_changes_nothing_and_is_feasible(name, channels):
  x, apply = inputs(name, channels=channels), function_of(name, "apply")
  zero = function_of(name, "zero")(1.0, x)
  projected = function_of(name, "project")(1.0, x, zero)
  for delta in (zero, projected):
    x_adv = apply(1.0, x, delta)
    jax.tree.map(np.testing.assert_array_equal, x_adv, x)


@each_set_gray_and_in_color
@few_examples
@given(data=st.data(), seed=seeds)
def test_projection_is_idempotent(name, channels, data, seed):
  x = inputs(name, channels=channels)
  scale = data.draw(st.sampled_from(scales(name)))
  project = function_of(name, "project")
  once = project(scale, x, wild(name)(seed, x))
  close(project(scale, x, once), once)


@each_set_gray_and_in_color
@few_examples
@given(data=st.data(), seed=seeds)
def test_samples_are_feasible(name, channels, data, seed):
  x = inputs(name, channels=channels)
  scale = data.draw(st.sampled_from(scales(name)))
  delta = function_of(name, "sample")(scale, jax.random.key(seed), x)
  projected = function_of(name, "project")(scale, x, delta)
  apply = function_of(name, "apply")
  close(apply(scale, x, projected), apply(scale, x, delta))


@each_set
def test_samples_differ(name):
  x, sample = inputs(name), function_of(name, "sample")
  a, b = (sample(1.0, jax.random.key(seed), x) for seed in (0, 1))
  assert any(jax.tree.leaves(jax.tree.map(lambda u, v: (u != v).any(), a, b)))


@each_set_gray_and_in_color
@few_examples
@given(data=st.data(), seed=seeds)
def test_result_is_a_valid_input(name, channels, data, seed):
  x = inputs(name, channels=channels)
  scale = data.draw(st.sampled_from(scales(name)))
  delta = function_of(name, "project")(scale, x, wild(name)(seed, x))
  x_adv = function_of(name, "apply")(scale, x, delta)
  assert is_like(x_adv, x)
  make_set(name).check(x_adv)


@each_set
def test_bfloat16_input_keeps_its_dtype_and_delta_is_float32(name):
  pset = make_set(name)

  def deltas_and_input(x):
    sample = pset.sample(jax.random.key(0), x)
    deltas = pset.zero(x), sample, pset.project(x, sample)
    return deltas, pset.apply(x, sample)

  x = of_floats(lambda t: t.astype(jnp.bfloat16), inputs(name))
  deltas, x_adv = jax.eval_shape(deltas_and_input, x)
  for delta in jax.tree.leaves(deltas):
    assert delta.dtype == jnp.float32
    assert len(delta) == tree.batch_size(x)
  assert is_like(x_adv, x)


@each_set
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_changes_no_coordinate_by_more_than_delta(name, dtype):
  x = of_floats(lambda t: t.astype(dtype), inputs(name))
  delta = function_of(name, "project")(1.0, x, wild(name)(0, inputs(name)))
  x_adv = function_of(name, "apply")(1.0, x, delta)
  assert is_like(x_adv, x)
  make_set(name).check(x_adv)
  if is_additive(name):
    change = np.float64(x_adv) - np.float64(x)
    assert np.all(np.abs(change) <= np.abs(np.float64(delta)) + 1e-7)


@each_set_gray_and_in_color
def test_no_feasible_delta_beats_the_linear_maximizer_or_the_maximizer(
  name, channels
):
  x = inputs(name, channels=channels, edges=True)
  project, grad = function_of(name, "project"), slope(name, x)
  linear_maximizer = tree.dot(
    grad, function_of(name, "linear_maximizer")(1.0, x, grad)
  )
  delta = maximizer(name)(1.0, x, grad)
  close(project(1.0, x, delta), delta)
  best = tree.dot(grad, delta)
  # The box takes from the linear_maximizer; nothing takes from the maximizer.
  assert jnp.all(best <= linear_maximizer * (1 + 1e-5) + 1e-6)
  for seed in range(20):
    delta = project(1.0, x, wild(name)(seed, x))
    assert jnp.all(tree.dot(grad, delta) <= best * (1 + 1e-5) + 1e-6)


@each_set
def test_projection_of_something_huge_is_the_best_in_its_direction(name):
  if not is_convex(name):
    pytest.skip("the nearest point of a set that is not convex may be another")
  x = inputs(name, edges=True)
  zero, grad = function_of(name, "zero")(1.0, x), slope(name, x)
  project = function_of(name, "project")
  best = tree.dot(grad, maximizer(name)(1.0, x, grad))
  for size in (1e10, 1e20, 1e30):
    found = tree.dot(grad, project(1.0, x, tree.add(zero, size, grad)))
    np.testing.assert_allclose(found, best, rtol=1e-5, atol=1e-5)


@each_set
def test_projection_has_its_derivatives_in_both_modes(name):
  x, step = inputs(name, edges=True), 3e-4
  delta = wild(name)(0, x)
  along, across = (random_like(seed, delta) for seed in (1, 2))

  @jax.jit
  def derivatives(delta):
    project = functools.partial(make_set(name).project, x)
    _, forward = jax.jvp(project, (delta,), (along,))
    (backward,) = jax.vjp(project, delta)[1](across)
    ends = [project(tree.add(delta, h, along)) for h in (step, -step)]
    secant = jax.tree.map(lambda a, b: (a - b) / (2 * step), *ends)
    return tree.dot(across, forward), tree.dot(backward, along), forward, secant

  one, other, forward, secant = derivatives(delta)
  np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
  close(forward, secant, atol=5e-3)  # rounding over twice the step


@each_set_gray_and_in_color
def test_linear_maximizer_of_no_gradient_is_finite(name, channels):
  x = inputs(name, channels=channels)
  still = jax.tree.map(jnp.zeros_like, function_of(name, "zero")(1.0, x))
  linear_maximizer = function_of(name, "linear_maximizer")(1.0, x, still)
  assert all(jnp.isfinite(t).all() for t in jax.tree.leaves(linear_maximizer))


@each_set
def test_linear_maximizer_ignores_the_scale_of_the_gradient(name):
  # A tiny gradient must not be swallowed by a constant in a denominator.
  x, linear_maximizer = inputs(name), function_of(name, "linear_maximizer")
  grad = random_like(2, function_of(name, "zero")(1.0, x))
  tiny = jax.tree.map(lambda g: 1e-25 * g, grad)
  close(linear_maximizer(1.0, x, tiny), linear_maximizer(1.0, x, grad))


@each_set_gray_and_in_color
def test_apply_is_differentiable(name, channels):
  # Black and white pixels too, at the very edge of the box.
  x = of_floats(jnp.round, inputs(name, channels=channels))
  zero = function_of(name, "zero")(1.0, x)
  sample = function_of(name, "sample")(1.0, jax.random.key(3), x)
  for delta in (zero, sample):
    grad = pull(name)(delta, 1.0, x, random_like(4, x))
    assert all(jnp.isfinite(g).all() for g in jax.tree.leaves(grad))
    if is_additive(name):
      assert jnp.all(grad != 0)
    # Elsewhere all may be black and white for good; not at the clean point.
    elif has_gradient(name) and delta is zero:
      assert jnp.all(tree.norm(grad, "linf") > 0)


@each_set
def test_what_has_no_gradient_can_be_enumerated(name):
  assert has_gradient(name) or make_set(name).grid is not None


@pytest.mark.parametrize(
  ("name", "channels"),
  [(n, c) for n in SETS if make_set(n).grid for c in channels_of(n)],
)
def test_grid_is_feasible(name, channels):
  x, pset = inputs(name, channels=channels), make_set(name)
  size, at = pset.grid(x, 3)
  # Sixteen points of it, to keep this short.
  points = jax.jit(jax.vmap(at))(jnp.arange(0, size, max(1, size // 16)))
  assert all(t.dtype == jnp.float32 for t in jax.tree.leaves(points))
  batch_sizes = {t.shape[1] for t in jax.tree.leaves(points)}
  assert batch_sizes == {tree.batch_size(x)}
  apply = jax.jit(jax.vmap(lambda t: pset.apply(x, t)))
  project = jax.jit(jax.vmap(lambda t: pset.project(x, t)))
  close(apply(project(points)), apply(points))


@each_set
def test_one_radius_per_example_acts_on_each_alone(name):
  x, project = inputs(name), function_of(name, "project")
  delta = wild(name)(4, x)
  of_each = [0.0, 0.5, 1.0, 1.0, 0.5, 0.0]
  together = project(jnp.array(of_each), x, delta)
  for i, scale in enumerate(of_each):
    alone = project(scale, x, delta)
    close(*(jax.tree.map(lambda t, i=i: t[i], t) for t in (together, alone)))
