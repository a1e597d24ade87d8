"""Minimal-norm attacks, and affine models whose nearest errors are known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses, perturbations, search

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
