"""Inputs, outputs and targets of any structure: what `compose` attacks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses, perturbations, search

KEY = jax.random.key(0)
X = jax.random.uniform(jax.random.key(1), (5, 4, 4, 1), minval=0.4, maxval=0.6)


def flat(x):
  return x.reshape(len(x), -1)


# Two classes, whose logits differ by an affine function of the image.
W = jax.random.normal(jax.random.key(2), (16,))


def two_classes(x):
  z = (flat(x) - 0.5) @ W
  return jnp.stack([z, -z], axis=1)


def trades(eps, **hyper):
  """The inner problem of TRADES: its targets are the clean logits."""
  return attacks.compose(
    search.pgd, perturbations.linf(eps), losses.kl, **hyper
  )


def test_the_inner_problem_of_trades_is_solved():
  eps, clean = 0.1, two_classes(X)
  x_adv = trades(eps, restarts=6)(KEY, two_classes, X, clean)
  # KL is convex in z: its maximum is at one end or at the other.
  reach = eps * jnp.abs(W).sum()
  ends = [clean + s * reach * jnp.array([1.0, -1.0]) for s in (1, -1)]
  best = jnp.maximum(*(losses.kl(end, clean) for end in ends))
  np.testing.assert_allclose(
    losses.kl(two_classes(x_adv), clean), best, rtol=1e-4
  )
  assert (jnp.abs(x_adv - X) <= eps + 1e-6).all()


def test_trades_starts_away_from_where_the_divergence_is_flat():
  clean = two_classes(X)
  kl = lambda x: losses.kl(two_classes(x), clean).sum()
  slope = jnp.abs(jax.grad(kl)(X)).max()
  assert slope < 1e-6
  start = perturbations.linf(0.1).sample(KEY, X)
  assert jnp.abs(jax.grad(kl)(X + start)).max() > 1e3 * max(slope, 1e-7)
  # One step of a whole radius crosses over from there to a corner.
  x_adv = trades(0.1, num_steps=1, step_size=2.0, keep="last")(
    KEY, two_classes, X, clean
  )
  np.testing.assert_allclose(jnp.abs(x_adv - X), 0.1, rtol=1e-5)


@pytest.mark.parametrize(
  ("targets", "message"),
  [
    (jnp.zeros(5, int), r"reference logits of shape \(5,\), int32: expected"),
    (jnp.zeros((5, 3)), r"reference logits of shape \(5, 3\).*\[5, 2\]"),
    (jnp.zeros((4, 2)), r"targets of shape \(4, 2\): expected \[5, ...\]"),
    ({"z": jnp.zeros((5, 2))}, "reference logits of type dict"),
  ],
)
def test_trades_wants_clean_logits(targets, message):
  with pytest.raises(ValueError, match=message):
    trades(0.1)(KEY, two_classes, X, targets)


# A detector: each of two boxes lies where the light of one row is.
def detector(x):
  light = x.sum(axis=(2, 3))[:, :2]
  boxes = light[..., None] * jnp.array([1.0, 2.0, 3.0, 4.0])
  return {"boxes": boxes, "scores": light}


def misplacement(outputs, targets):
  """The L1 distance of the boxes that are there, `[B]`."""
  off = jnp.abs(outputs["boxes"] - targets["boxes"]).sum(axis=-1)
  return (off * targets["mask"]).sum(axis=-1)


def test_a_detector_is_attacked_through_its_raw_outputs():
  clean = detector(X)["boxes"]
  mask = jnp.array([[1, 1], [1, 0], [0, 1], [0, 0], [1, 1]], bool)
  targets = {"boxes": clean, "mask": mask}
  attack = attacks.compose(
    search.pgd, perturbations.linf(0.1), misplacement, num_steps=10
  )
  x_adv = attack(KEY, detector, X, targets)
  # Each of four pixels of a row that counts moves by eps, all one way.
  best = 0.1 * 4 * 10 * mask.sum(axis=1)
  found = misplacement(detector(x_adv), targets)
  np.testing.assert_allclose(found, best, rtol=1e-4, atol=1e-6)


def test_what_an_objective_cannot_take_is_refused_before_anything_runs():
  attack = lambda objective: attacks.compose(
    search.fgsm, perturbations.linf(0.1), objective
  )
  per_box = lambda outputs, targets: outputs["scores"]
  with pytest.raises(ValueError, match=r"returned of shape \(5, 2\)"):
    attack(per_box)(KEY, detector, X, None)
  with pytest.raises(ValueError, match="the model returned a dict"):
    attack(losses.margin)(KEY, detector, X, jnp.zeros(5, int))


def test_an_objective_may_want_no_targets():
  brightest = lambda outputs, targets: outputs["scores"].sum(axis=-1)
  attack = attacks.compose(search.fgsm, perturbations.linf(0.1), brightest)
  x_adv = attack(KEY, detector, X, None)
  np.testing.assert_allclose(x_adv[:, :2], X[:, :2] + 0.1, rtol=1e-5)


def test_lists_are_arrays():
  attack = attacks.compose(search.fgsm, perturbations.linf(0.1), losses.margin)
  labels = [0, 1, 0, 1, 0]
  np.testing.assert_array_equal(
    attack(KEY, two_classes, np.asarray(X).tolist(), labels),
    attack(KEY, two_classes, X, jnp.array(labels)),
  )
