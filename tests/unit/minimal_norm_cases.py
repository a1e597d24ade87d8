"""Minimal-norm attacks, and affine models whose nearest errors are known."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, lookup, losses, perturbations, search, tree
from robust_jax.types import Attack

KEY = jax.random.key(0)
NUM_CLASSES = 4
# The law: as near as this to the nearest point of the boundary.
BOUND = 1.05

# Of those with an argument `norm`, those that it may have; of the others
# the one that they are for.
_NORMS = {
  "bisect_eps": ("linf",),
  "carlini_wagner_l2": "l2",
  "carlini_wagner_linf": "linf",
  "deepfool": ("l2", "linf"),
  "ead": "l1",
  "fab": ("l1", "l2", "linf"),
  "fmn": ("l0", "l1", "l2", "linf"),
  "lbfgs": "l2",
  "sigma_zero": "l0",
}


def _looks_for_the_nearest(name):
  """An attack that needs no radius, set or search to be told."""
  signature = inspect.signature(lookup.find("attacks", name))
  needed = {n for n, p in signature.parameters.items() if p.default is p.empty}
  told = {"eps", "pset", "search", "draw", "attack"}
  return signature.return_annotation is Attack and not needed & told


FOUND = [n for n in lookup.members("attacks") if _looks_for_the_nearest(n)]


def _pgd(targeted, eps):
  objective = losses.margin
  if targeted:
    objective = losses.targeted(objective)
  return attacks.compose(
    search.pgd, perturbations.linf(eps), objective, random_start=False
  )


def _members():
  """name -> (targeted -> attack with one start and its defaults, norm)."""
  for name in FOUND:
    make = lookup.find("attacks", name)
    options = inspect.signature(make).parameters
    norms = _NORMS[name]
    for norm in norms if isinstance(norms, tuple) else (norms,):
      given = {"restarts": 1} if "restarts" in options else {}
      if name == "bisect_eps":
        given["largest"] = 1.0
      if isinstance(norms, tuple):
        given["norm"] = norm
      yield f"{name}_{norm}", functools.partial(_made, make, given), norm


def _made(make, given, targeted):
  if "targeted" in inspect.signature(make).parameters:
    given = given | {"targeted": targeted}
  elif targeted:
    pytest.skip("it has no targeted form")
  if "make_attack" in inspect.signature(make).parameters:
    given = given | {"make_attack": functools.partial(_pgd, targeted)}
  return make(**given)


ATTACKS = {name: (make, norm) for name, make, norm in _members()}
each = pytest.mark.parametrize("name", ATTACKS)


def model(weights, poison, x):
  """Affine; what is in `poison [B]` is added to every logit of a row."""
  return (x - 0.5).reshape(len(x), -1) @ weights + poison[:, None]


def victim(weights, poison=0.0, size=6):
  return jax.tree_util.Partial(
    model, weights, jnp.broadcast_to(jnp.float32(poison), size)
  )


def problem(shape=(5, 7, 7), size=6):
  """Weights, gray images, labels; of several images the last is wrong."""
  weights = jax.random.normal(
    jax.random.key(1), (int(np.prod(shape)), NUM_CLASSES)
  )
  x = jax.random.uniform(
    jax.random.key(2), (size, *shape), minval=0.3, maxval=0.7
  )
  labels = victim(weights, size=size)(x).argmax(axis=1)
  if size > 1:
    labels = labels.at[-1].set((labels[-1] + 1) % NUM_CLASSES)
  return weights, x, labels


@functools.cache
def compiled(name, targeted=False):
  traces = []
  attack = ATTACKS[name][0](targeted)

  def counted(*args):
    traces.append(args)
    return attack(*args)

  return jax.jit(counted), traces


def nearest_change(x, direction, gap, norm):
  """The smallest change in the box that raises <direction, x> by `gap`.

  In L0 the last axis of an image `[H, W, C]` counts once.
  """
  w = np.asarray(direction, np.float64).reshape(x.shape)
  room = np.where(w > 0, 1 - x, x).astype(np.float64)
  size = np.abs(w)
  if norm in ("l0", "l1"):
    worth = size * room if norm == "l0" else size
    if norm == "l0" and x.ndim == 3:
      worth = np.broadcast_to(worth.sum(axis=-1, keepdims=True), x.shape)
    # The linear_maximizer first, each to the edge, the last as far as is
    # needed.
    order = np.argsort(-worth, axis=None, kind="stable")
    gained = np.cumsum((size * room).ravel()[order])
    before = np.concatenate([[0], gained[:-1]])
    part = np.clip((gap - before) / np.diff(gained, prepend=0), 0, 1)
    change = np.zeros(x.size)
    change[order] = room.ravel()[order] * part
    return np.sign(w) * change.reshape(x.shape)
  low, high = 0.0, 1e3
  for _ in range(80):
    middle = (low + high) / 2
    change = np.minimum(middle * (size if norm == "l2" else 1.0), room)
    low, high = (middle, high) if (size * change).sum() < gap else (low, middle)
  return np.sign(w) * change


def length(change, norm):
  if norm == "l0":
    changed = np.abs(change) > 0
    return float((changed.any(axis=-1) if change.ndim == 3 else changed).sum())
  return np.linalg.norm(change.ravel(), tree.ORDERS[norm])


def _towards(weights, x, label, target, norm):
  flat, weights = np.asarray(x, np.float64).ravel(), np.asarray(weights)
  logits = (flat - 0.5) @ weights
  return nearest_change(
    np.asarray(x, np.float64),
    weights[:, target] - weights[:, label],
    logits[label] - logits[target],
    norm,
  )


def nearest_error(weights, x, label, norm):
  """The distance of the nearest point of another answer."""
  return min(
    length(_towards(weights, x, label, k, norm), norm)
    for k in range(NUM_CLASSES)
    if k != label
  )


def nearest_target(weights, x, target, norm):
  """(a lower bound of the distance of the answer `target`, whether it is it).

  The way to where the target's logit equals the largest one, if no third class
  is larger there.
  """
  flat, w = np.asarray(x, np.float64).ravel(), np.asarray(weights, np.float64)
  label = ((flat - 0.5) @ w).argmax()
  change = _towards(weights, x, label, target, norm)
  there = (flat + change.ravel() - 0.5) @ w
  return length(change, norm), there[target] >= there.max() - 1e-6
