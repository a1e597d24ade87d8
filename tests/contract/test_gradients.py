"""Laws of every gradient transform; they are discovered, not listed."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import lookup

TRANSFORMS = lookup.members("gradients")
each_transform = pytest.mark.parametrize("name", TRANSFORMS)
RADII = [name for name in TRANSFORMS if name != "identity"]
CURVATURE = jnp.float32([[3.0, 1.0], [1.0, 2.0]])
PLAIN = lookup.find("gradients", "identity")()
PARAMS = {"w": jnp.float32([1.0, -2.0]), "b": jnp.float32(0.5)}


def quadratic(params):
  """`w^T A w / 2 + 2 b^2`, whose gradient is `A w` and `4 b`."""
  w, b = params["w"], params["b"]
  return w @ CURVATURE @ w / 2 + 2 * b**2, {"at": params}


def taken(transform, params=PARAMS, step=0):
  value_and_grad = jax.value_and_grad(quadratic, has_aux=True)
  at = lambda params, step: transform(value_and_grad, step)(params)
  return jax.jit(at)(params, step)


@each_transform
def test_value_and_what_else_is_found_are_those_at_the_parameters(name):
  (value, aux), grads = taken(lookup.find("gradients", name)())
  np.testing.assert_allclose(value, quadratic(PARAMS)[0])
  chex.assert_trees_all_equal(aux["at"], PARAMS)
  chex.assert_trees_all_equal_shapes_and_dtypes(grads, PARAMS)


@each_transform
def test_it_descends_near_the_parameters(name):
  """The gradient of a small radius is not far from that of the loss."""
  factory = lookup.find("gradients", name)
  _, grads = taken(factory(*([0.05] if name in RADII else [])))
  _, plain = taken(PLAIN)
  chex.assert_trees_all_close(grads, plain, atol=0.5)


@each_transform
def test_a_gradient_of_zero_stays_finite(name):
  at_rest = jax.tree.map(jnp.zeros_like, PARAMS)
  _, grads = taken(lookup.find("gradients", name)(), at_rest)
  chex.assert_tree_all_finite(grads)


@pytest.mark.parametrize("name", RADII)
def test_a_radius_of_zero_is_the_plain_gradient_bit_for_bit(name):
  found = taken(lookup.find("gradients", name)(0.0))
  chex.assert_trees_all_equal(found, taken(PLAIN))


@pytest.mark.parametrize("name", RADII)
@pytest.mark.parametrize("radius", [-0.1, float("nan")])
def test_a_radius_below_zero_is_refused(name, radius):
  with pytest.raises(
    ValueError, match=rf"(rho|gamma) = {radius}: expected 0 or"
  ):
    lookup.find("gradients", name)(radius)


def test_sam_is_the_gradient_at_the_end_of_one_step_of_ascent():
  rho, w, b = 0.3, np.asarray(PARAMS["w"]), 0.5
  ascent = np.asarray([*(np.asarray(CURVATURE) @ w), 4 * b])
  step = rho * ascent / np.linalg.norm(ascent)
  _, grads = taken(lookup.find("gradients", "sam")(rho))
  np.testing.assert_allclose(
    grads["w"], np.asarray(CURVATURE) @ (w + step[:2]), rtol=1e-6
  )
  np.testing.assert_allclose(grads["b"], 4 * (b + step[2]), rtol=1e-6)


def test_asam_does_not_depend_on_how_layers_share_a_scale():
  """`loss(a b)` at `(c a, b / c)`: the ascent reaches the same product."""
  found = []
  for scale in (1.0, 7.0):
    params = {"a": jnp.float32(0.6 * scale), "b": jnp.float32(-1.5 / scale)}
    reached = []

    def value_and_grad(params, reached=reached):
      reached.append(params["a"] * params["b"])
      loss = lambda p: ((p["a"] * p["b"] - 2) ** 2, None)
      return jax.value_and_grad(loss, has_aux=True)(params)

    lookup.find("gradients", "asam")(0.3, eta=0.0)(value_and_grad, 0)(params)
    found.append(reached[1])
  np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
  assert abs(found[0] + 0.9) > 0.1


def test_awp_moves_matrices_relative_to_their_norm_and_nothing_else():
  params = {
    "kernel": jax.random.normal(jax.random.key(1), (3, 4)),
    "far": 100 * jax.random.normal(jax.random.key(2), (2, 2)),
    "bias": jnp.ones(4),
  }
  seen = []

  def value_and_grad(params):
    seen.append(params)
    loss = lambda p: (sum(jnp.sum(w**2) for w in jax.tree.leaves(p)), None)
    return jax.value_and_grad(loss, has_aux=True)(params)

  lookup.find("gradients", "awp")(0.01)(value_and_grad, 0)(params)
  moved = jax.tree.map(jnp.subtract, seen[1], params)
  np.testing.assert_array_equal(moved["bias"], 0)
  for name in ("kernel", "far"):
    # Along the gradient, which is 2 w.
    np.testing.assert_allclose(moved[name], 0.01 * params[name], rtol=1e-3)


def test_awp_warms_up_with_the_plain_gradient_bit_for_bit():
  params = {"w": jnp.float32([[1.0, -2.0]])}

  def value_and_grad(params):
    loss = lambda p: (jnp.sum(p["w"] ** 4), None)
    return jax.value_and_grad(loss, has_aux=True)(params)

  def at(step, gamma=0.1, **options):
    transform = lookup.find("gradients", "awp")(gamma, **options)
    found = jax.jit(lambda step: transform(value_and_grad, step)(params))
    return found(step)

  for step in (0, 2):
    chex.assert_trees_all_equal(at(step, warmup_steps=3), at(step, gamma=0.0))
  chex.assert_trees_all_equal(at(3, warmup_steps=3), at(3))
  assert not np.allclose(at(3)[1]["w"], at(2, warmup_steps=3)[1]["w"])
