"""Curvature and lines of losses that are known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.models.classifiers.mlp import MLP
from robust_jax.plotting.loss_landscape import draw_loss_along
from robust_jax.probes.sharpness import (
  ascent_direction,
  filter_normalized,
  hessian_eigenvalues,
  loss_along,
)

KEY = jax.random.key(0)


def quadratic(eigenvalues):
  """`w' H w / 2` of two leaves, H dense and of these eigenvalues."""
  rng = np.random.default_rng(0)
  size = len(eigenvalues)
  basis, _ = np.linalg.qr(rng.normal(size=(size, size)))
  hessian = jnp.float32(basis * eigenvalues @ basis.T)

  def loss(params):
    w = jnp.concatenate([params["a"].ravel(), params["b"]])
    return 0.5 * w @ hessian @ w

  return loss, {"a": jnp.ones((2, 3)), "b": jnp.ones(size - 6)}


def test_all_eigenvalues_of_a_small_quadratic():
  expected = np.array([40.0, 7.0, 3.0, 1.0, 0.5, 0.0, -2.0, -10.0])
  found = hessian_eigenvalues(KEY, *quadratic(expected), num_iterations=50)
  np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_ends_of_a_large_spectrum_come_first():
  spectrum = np.append(np.linspace(-1, 1, 198), [30.0, -20.0])
  found = hessian_eigenvalues(KEY, *quadratic(spectrum), num_iterations=12)
  np.testing.assert_allclose(found[[0, -1]], [30, -20], rtol=1e-4)
  assert len(found) == 12
  one = hessian_eigenvalues(KEY, *quadratic(spectrum), num_iterations=1)
  assert -20 <= one[0] <= 30


def test_equal_eigenvalues_are_one_and_nothing_is_made_up():
  """If the vectors met span the range of H, there are no others."""
  found = hessian_eigenvalues(KEY, *quadratic(np.full(9, 3.0)))
  np.testing.assert_allclose(found, [3.0], rtol=1e-5)
  flat = hessian_eigenvalues(KEY, lambda w: jnp.sum(w), jnp.ones(4))
  np.testing.assert_array_equal(flat, [0.0])


def test_the_curvature_of_a_network_is_that_of_its_hessian():
  net, x = MLP(features=(), num_classes=3), jax.random.normal(KEY, (5, 4))
  params = net.init(KEY, x)

  def loss(params):
    return jax.nn.logsumexp(net.apply(params, x), axis=-1).mean()

  flat, unravel = jax.flatten_util.ravel_pytree(params)
  hessian = jax.hessian(lambda flat: loss(unravel(flat)))(flat)
  expected = np.linalg.eigvalsh(hessian)[::-1]
  found = hessian_eigenvalues(KEY, loss, params, num_iterations=15)
  np.testing.assert_allclose(found[0], expected[0], rtol=1e-4)


def test_the_loss_along_a_line_is_a_parabola():
  loss, params = quadratic(np.arange(8.0))
  direction = jax.tree.map(jnp.ones_like, params)
  steps = np.linspace(-1, 1, 5)
  found = loss_along(loss, params, direction, steps)
  # All entries of params are 1, too.
  expected = (1 + steps) ** 2 * loss(params)
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_directions_are_as_long_as_the_filters():
  rng = np.random.default_rng(0)
  params = {
    "conv": jnp.float32(rng.normal(size=(3, 3, 2, 4))),
    "dense": jnp.float32(rng.normal(size=(6, 5))).at[:, 1].set(0),
    "bias": jnp.ones(5),
  }
  loss = lambda p: sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(p))
  ascent = ascent_direction(loss, params)
  for direction in (filter_normalized(KEY, params), ascent):
    for name, axes in (("conv", (0, 1, 2)), ("dense", 0)):
      expected, found = (
        jnp.sqrt((tree[name] ** 2).sum(axes)) for tree in (params, direction)
      )
      np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert not direction["bias"].any()
  up = loss_along(loss, params, ascent, [-0.1, 0.0, 0.1])
  assert up[0] < up[1] < up[2]
  # A layer ten times as large has a direction ten times as long.
  scaled = filter_normalized(KEY, jax.tree.map(lambda w: 10 * w, params))
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, 10 * b, rtol=1e-5),
    scaled,
    filter_normalized(KEY, params),
  )


def test_the_picture_wants_as_many_losses_as_steps(tmp_path):
  steps = np.linspace(-1, 1, 7)
  lines = {"random": np.tile(1 + steps**2, (3, 1)), "adversarial": 2 + steps}
  draw_loss_along(tmp_path / "loss.png", steps, lines)
  assert (tmp_path / "loss.png").stat().st_size > 1000
  with pytest.raises(ValueError, match=r"expected \[7\] or \[N, 7\]"):
    draw_loss_along(tmp_path / "loss.png", steps, {"random": steps[1:]})
