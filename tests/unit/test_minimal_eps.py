"""Smallest norms, curves of them, and what the attacks are made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from robust_jax import attacks, losses, perturbations, search
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._box_quasi_newton import minimize_in_box
from robust_jax.evaluators.minimal_eps import minimal_eps
from robust_jax.plotting.accuracy_curve import (
  accuracy_curve,
  draw_accuracy_curves,
)

KEY = jax.random.key(0)


def test_pixels_are_counted_once_and_coordinates_each():
  delta = jnp.zeros((2, 3, 3, 3)).at[0, 1, 1].set(-0.1).at[1, 0, 0, 2].set(1)
  delta = delta.at[1, 2, 2, 0].set(1e-9)
  np.testing.assert_array_equal(minimal.distance(delta, "l0"), [1, 2])
  flat = delta.reshape(2, -1)
  np.testing.assert_array_equal(minimal.distance(flat, "l0"), [3, 2])


@pytest.mark.parametrize(
  "attack",
  [
    attacks.fmn("l0", num_steps=20, pixel_axes=(1,)),
    attacks.sigma_zero(num_steps=20, pixel_axes=(1,)),
    attacks.bisect_eps(
      lambda k: attacks.compose(
        search.fgsm, perturbations.l0(k, pixel_axes=(1,)), losses.margin
      ),
      "l0",
      largest=9.0,
      pixel_axes=(1,),
    ),
  ],
)
def test_channels_may_stand_anywhere(attack):
  # Only all channels of two pixels together cross the boundary.
  weights = jnp.zeros((3, 3, 3)).at[:, 1, 1].set(1.0).at[:, 0, 2].set(0.9)

  def model(x):
    reached = (weights * x).sum((1, 2, 3))
    return jnp.stack([0 * reached + 5.0, reached], axis=1)

  x, labels = jnp.full((2, 3, 3, 3), 0.5), jnp.zeros(2, int)
  measure = minimal_eps({"attack": attack}, "l0", pixel_axes=(1,))
  np.testing.assert_array_equal(measure(KEY, model, x, labels)["attack"], 2)


def test_pixels_are_counted_in_l0_alone():
  with pytest.raises(ValueError, match="pixels are counted in L0 only"):
    minimal.distance(jnp.ones((1, 2, 2, 3)), "l2", (1,))


def threshold(x):
  """Class 1 where the first coordinate is above 0.5."""
  return jnp.stack([0.5 - x[:, 0], x[:, 0] - 0.5], axis=1)


def test_minimal_eps_believes_the_model_and_not_the_attack():
  x = jnp.array([[0.2, 0.5], [0.4, 0.5], [0.9, 0.5], [0.1, 0.1]])
  labels = jnp.array([0, 0, 0, 0])

  def half_way(key, logits_fn, x, labels):
    del key, logits_fn, labels
    return x.at[:, 0].add(jnp.array([0.4, 0.05, 0.0, 0.5]))

  def further(key, logits_fn, x, labels):
    del key, logits_fn, labels
    return x.at[:, 0].add(jnp.array([0.5, 0.2, 0.0, 0.2]))

  found = minimal_eps({"a": half_way, "b": further}, "l2")(
    KEY, threshold, x, labels
  )
  np.testing.assert_allclose(found["a"], [0.4, np.inf, 0, 0.5], rtol=1e-6)
  np.testing.assert_allclose(found["b"], [0.5, 0.2, 0, np.inf], rtol=1e-6)
  np.testing.assert_allclose(found["nearest"], [0.4, 0.2, 0, 0.5], rtol=1e-6)


def test_the_curve_is_the_exact_fraction_farther_away():
  distances = np.array([0.3, np.inf, 0.0, 0.1, 0.3])
  eps, accuracy = accuracy_curve(distances)
  np.testing.assert_array_equal(eps, [0, 0.1, 0.3])
  np.testing.assert_allclose(accuracy, [0.8, 0.6, 0.2])
  for radius in (0.0, 0.05, 0.1, 0.2, 0.3, 5.0):
    at = accuracy[np.searchsorted(eps, radius, side="right") - 1]
    np.testing.assert_allclose(at, np.mean(distances > radius))
  assert np.all(np.diff(accuracy) < 0)


@pytest.mark.parametrize("bad", [[], [[0.1]], [0.1, np.nan], [-0.1]])
def test_what_is_no_distance_is_refused(bad):
  with pytest.raises(ValueError, match="expected"):
    accuracy_curve(np.array(bad))


def test_curves_are_drawn_however_many(tmp_path):
  curves = {f"attack {i}": np.array([0.1 * i, np.inf]) for i in range(8)}
  draw_accuracy_curves(tmp_path / "curve.png", curves, "l2")
  assert (tmp_path / "curve.png").stat().st_size > 1000


def test_in_the_box_it_finds_the_minimum_that_scipy_finds():
  # Convex, with many coordinates held at the edge.
  weights = jax.random.normal(KEY, (12, 4))
  x = jax.random.uniform(jax.random.key(1), (3, 12)).round(1)
  pull = jnp.array([0.1, 1.0, 30.0])

  def value(x_adv, start, pull):
    logits = 3 * (x_adv - 0.4) @ weights
    return jnp.square(x_adv - start).sum(-1) + pull * (
      jax.nn.logsumexp(logits, axis=-1) - logits[..., 0]
    )

  def loss(x_adv):
    return value(x_adv, x, pull), None

  def visit(seen, x_adv, aux):
    del seen, aux
    return x_adv

  ours = jax.jit(lambda: minimize_in_box(loss, x, visit, x, 60, 10))()
  assert ours.min() >= 0
  assert ours.max() <= 1
  for i in range(3):
    reference = scipy.optimize.minimize(
      jax.jit(jax.value_and_grad(lambda v, i=i: value(v, x[i], pull[i]))),
      x[i],
      jac=True,
      method="L-BFGS-B",
      bounds=[(0, 1)] * 12,
    )
    # Both stop at the rounding of float32.
    assert loss(ours)[0][i] <= reference.fun * (1 + 1e-5) + 1e-6


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: attacks.fmn(3), "norm = 3: expected 'linf', 'l2', 'l1' or 'l0'"),
    (lambda: attacks.deepfool("l1"), "norm = 'l1': expected 'linf' or 'l2'"),
    (lambda: attacks.ead(restarts=0), "restarts = 0: expected a whole number"),
    (lambda: attacks.lbfgs(num_targets=0), "num_targets = 0: expected a whole"),
  ],
)
def test_what_makes_no_attack_is_refused(make, message):
  with pytest.raises(ValueError, match=message):
    make()


def flat_at_the_data(x):
  """No gradient where all is below 0.1, as behind dead units."""
  lit = jnp.maximum(x.reshape(len(x), -1) - 0.1, 0).sum(axis=1)
  return jnp.stack([jnp.full_like(lit, 0.3), lit], axis=1)


@pytest.mark.parametrize("norm", ["l0", "l1", "l2", "linf"])
@pytest.mark.parametrize("restarts", [1, 2])
def test_what_no_gradient_leads_to_is_found(norm, restarts):
  x, labels = jnp.zeros((4, 10)), jnp.zeros(4, jnp.int32)
  attack = attacks.fmn(norm, restarts=restarts)
  x_adv = attack(KEY, flat_at_the_data, x, labels)
  assert jnp.all(flat_at_the_data(x_adv).argmax(axis=1) != labels)


def test_bfloat16_images_are_fooled_as_they_are_returned():
  x = jax.random.uniform(KEY, (4, 6)).astype(jnp.bfloat16)
  weights = jax.random.normal(jax.random.key(1), (6, 3)).astype(jnp.bfloat16)
  model = lambda x: (x - 0.5) @ weights
  labels = model(x).argmax(axis=1)
  x_adv = jax.jit(attacks.fmn("l2"), static_argnums=1)(KEY, model, x, labels)
  assert x_adv.dtype == jnp.bfloat16
  assert jnp.all(model(x_adv).argmax(axis=1) != labels)


def test_a_class_that_is_masked_out_does_not_hide_the_others():
  x, labels = jnp.array([[0.2, 0.5]]), jnp.array([0])

  def masked(x):
    return jnp.append(threshold(x), jnp.full((len(x), 1), -1e9), axis=1)

  x_adv = jax.jit(attacks.fmn("l2"), static_argnums=1)(KEY, masked, x, labels)
  np.testing.assert_allclose(x_adv, [[0.5, 0.5]], atol=1e-3)
