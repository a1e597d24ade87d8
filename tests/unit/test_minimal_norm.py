"""Minimal-norm attacks on affine models, whose nearest errors are known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses, perturbations, search
from robust_jax.attacks import minimal

KEY = jax.random.key(0)
INF = jnp.inf
SIZE, NUM_CLASSES = 20, 5


def _bisected_pgd(targeted):
  objective = losses.margin
  if targeted:
    objective = losses.targeted(objective)

  def pgd(eps):
    return attacks.compose(
      search.pgd, perturbations.linf(eps), objective, random_start=False
    )

  return attacks.bisect_eps(pgd, INF, largest=1.0, targeted=targeted)


def _one_start(make, **options):
  return lambda targeted: make(restarts=1, targeted=targeted, **options)


def _deepfool(norm):
  return lambda targeted: attacks.deepfool(norm, targeted=targeted)


# name: (targeted -> attack, norm, how far from the optimum). DeepFool knows no
# box; the cross-entropy of L-BFGS pulls away from all other classes too; CW in
# Linf and EAD stop within a tenth; PGD of the margin may climb towards one
# class where another is nearer.
ATTACKS = {
  "fmn_0": (_one_start(attacks.fmn, norm=0), 0, 1.01),
  "fmn_1": (_one_start(attacks.fmn, norm=1), 1, 1.05),
  "fmn_2": (_one_start(attacks.fmn, norm=2), 2, 1.01),
  "fmn_inf": (_one_start(attacks.fmn, norm=INF), INF, 1.02),
  "carlini_wagner_l2": (
    _one_start(attacks.carlini_wagner_l2),
    2,
    1.02,
  ),
  "carlini_wagner_linf": (_one_start(attacks.carlini_wagner_linf), INF, 1.15),
  "ead": (_one_start(attacks.ead, num_steps=300), 1, 1.15),
  "lbfgs": (_one_start(attacks.lbfgs, num_targets=4), 2, 1.1),
  "sigma_zero": (_one_start(attacks.sigma_zero, num_steps=300), 0, 1.01),
  "deepfool_2": (_deepfool(2), 2, 1.1),
  "deepfool_inf": (_deepfool(INF), INF, 1.1),
  "bisect_eps": (_bisected_pgd, INF, 1.1),
}
each = pytest.mark.parametrize("name", ATTACKS)


def model(weights, poison, x):
  """Affine; the rows of `poison` that are NaN have NaN logits."""
  return (x - 0.5).reshape(len(x), -1) @ weights + poison[:, None]


def victim(weights, poison=0.0, size=6):
  return jax.tree_util.Partial(
    model, weights, jnp.broadcast_to(jnp.float32(poison), size)
  )


def problem():
  """Weights, images with black and white pixels, labels; the last is wrong."""
  weights = jax.random.normal(jax.random.key(1), (SIZE, NUM_CLASSES))
  x = jax.random.uniform(jax.random.key(2), (6, 5, 4, 1), minval=-0.2, maxval=1)
  x = jnp.clip(x, 0, 1)
  labels = victim(weights)(x).argmax(axis=1)
  return weights, x, labels.at[-1].set((labels[-1] + 1) % NUM_CLASSES)


@functools.cache
def compiled(name, targeted=False):
  traces = []
  attack = ATTACKS[name][0](targeted)

  def counted(*args):
    traces.append(args)
    return attack(*args)

  return jax.jit(counted), traces


def halfspace_distance(x, direction, gap, norm):
  """The smallest change in the box that raises <direction, x> by `gap`."""
  w = np.abs(np.asarray(direction, np.float64))
  room = np.where(np.asarray(direction) > 0, 1 - x, x).astype(np.float64)
  if norm in (0, 1):
    # The steepest coordinates first, to the edge.
    order = np.argsort(-w * room if norm == 0 else -w)
    gained = np.concatenate([[0], np.cumsum((w * room)[order])])
    full = np.searchsorted(gained, gap) - 1
    if norm == 0:
      return full + 1.0
    rest = (gap - gained[full]) / w[order][full]
    return room[order][:full].sum() + rest
  low, high = 0.0, 1e3
  for _ in range(80):
    middle = (low + high) / 2
    change = np.minimum(middle * (w if norm == 2 else 1.0), room)
    low, high = (middle, high) if w @ change < gap else (low, middle)
  return np.linalg.norm(change, 2 if norm == 2 else np.inf)


def nearest_error(weights, x, label, norm):
  """The optimum over all other classes."""
  flat, weights = np.asarray(x, np.float64).ravel(), np.asarray(weights)
  logits = (flat - 0.5) @ weights
  return min(
    halfspace_distance(
      flat, weights[:, k] - weights[:, label], logits[label] - logits[k], norm
    )
    for k in range(NUM_CLASSES)
    if k != label
  )


@each
def test_as_near_as_the_optimum_in_the_box(name):
  weights, x, labels = problem()
  _, norm, factor = ATTACKS[name]
  x_adv = compiled(name)[0](KEY, victim(weights), x, labels)
  assert x_adv.min() >= 0
  assert x_adv.max() <= 1
  assert (victim(weights)(x_adv).argmax(axis=1) != labels).all()
  found = minimal.distance(x_adv - x, norm)
  for i in range(5):
    optimum = nearest_error(weights, x[i], labels[i], norm)
    # What float32 makes of a sum of twenty is 1e-5 off at most. CW in Linf and
    # the bisection have a resolution.
    floor = 1 / 256 if norm == INF else 0
    assert optimum * (1 - 1e-5) <= found[i] <= optimum * factor + floor
  np.testing.assert_array_equal(x_adv[5], x[5])


@each
def test_a_target_is_reached_and_no_nearer_than_it_can_be(name):
  weights, x, labels = problem()
  logits = victim(weights)(x)
  wanted = jnp.argsort(logits, axis=1)[:, -2].at[0].set(labels[0])
  x_adv = compiled(name, True)[0](KEY, victim(weights), x, wanted)
  assert (victim(weights)(x_adv).argmax(axis=1) == wanted).all()
  np.testing.assert_array_equal(x_adv[0], x[0])
  norm = ATTACKS[name][1]
  found = minimal.distance(x_adv - x, norm)
  for i in range(1, 6):
    rival, target = logits[i].argmax(), wanted[i]
    optimum = halfspace_distance(
      np.asarray(x[i]).ravel(),
      weights[:, target] - weights[:, rival],
      logits[i, rival] - logits[i, target],
      norm,
    )
    assert found[i] >= optimum * (1 - 1e-5)


@each
def test_alone_and_as_a_vector_it_is_the_same(name):
  weights, x, labels = problem()
  together = compiled(name)[0](KEY, victim(weights), x, labels)
  alone = jax.jit(ATTACKS[name][0](False))(
    KEY, victim(weights, size=1), x[2:3].reshape(1, SIZE), labels[2:3]
  )
  norm = ATTACKS[name][1]
  # Sums are taken in another order, and hundreds of steps amplify that.
  np.testing.assert_allclose(
    minimal.distance(alone - x[2:3].reshape(1, SIZE), norm)[0],
    minimal.distance(together - x, norm)[2],
    rtol=5e-3,
  )


@each
def test_what_is_traced_does_not_recompile_and_nothing_can_break_it(name):
  weights, x, labels = problem()
  run, traces = compiled(name)
  healthy = run(KEY, victim(weights), x, labels)
  assert len(traces) == 1
  # Other parameters, other labels.
  run(KEY, victim(-weights), x, jnp.roll(labels, 1))
  # All logits equal: class 0 is answered, and no gradient leads anywhere.
  for label in (0, 1):
    still = run(KEY, victim(0 * weights), x, jnp.full(6, label, jnp.int32))
    np.testing.assert_array_equal(still, x)
  # NaN is no success, and stays with its example.
  poisoned = run(
    KEY, victim(weights, jnp.zeros(6).at[2].set(jnp.nan)), x, labels
  )
  np.testing.assert_array_equal(poisoned[2], x[2])
  others = jnp.array([0, 1, 3, 4, 5])
  np.testing.assert_array_equal(poisoned[others], healthy[others])
  assert len(traces) == 1
