"""APGD for the L1 ball, with sparse steps that adapt to the best point."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from robust_jax import checks, losses, tree
from robust_jax.attacks.standalone import standalone
from robust_jax.objective import of_model
from robust_jax.perturbations.l1 import l1
from robust_jax.search import ascent
from robust_jax.types import (
  Array,
  Attack,
  Key,
  Model,
  Objective,
  PerturbationSet,
  PyTree,
  SearchResult,
)
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu
from robust_jax.xla_cpu.reductions import kth_largest

# Fractions of the number of entries, step sizes in radii.
_FIRST_FRACTION = 0.2
_FRACTION_OF_BEST = 1 / 1.5
_SHRINK = 1.5
_SMALLEST_STEP = 0.1


class _Step(NamedTuple):
  """Loop state of one iteration; `fraction` of the entries move."""

  delta: PyTree
  grad: PyTree
  best: SearchResult
  best_grad: PyTree
  step_size: Array
  fraction: Array
  num_changed: Array


def apgd_l1(
  eps: Array | float,
  *,
  objective: Objective = losses.cross_entropy,
  num_steps: int = 100,
  large_radii: bool = True,
) -> Attack:
  """L1-APGD: sparse steps, with radii that shrink to eps, as in AutoAttack.

  Args:
    eps: radius in input units, summed over coordinates; a float or a tracer.
    objective: function to maximize.
    num_steps: total number of steps.
    large_radii: whether 0.3 of the steps use the radius 3 eps, and the next 0.3
      the radius 2 eps.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`.

  Raises:
    ValueError: eps is negative, or there are too few steps.

  Source: Croce and Hein 2021, "Mind the Box: l1-APGD for Sparse Adversarial
  Attacks on Image Classifiers".

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import apgd_l1
    >>> x, y, w = jnp.full((1, 4), 0.5), jnp.array([0]), jnp.eye(4)
    >>> attack = apgd_l1(0.5, num_steps=10, large_radii=False)
    >>> x_adv = attack(jax.random.key(0), lambda x: x @ w, x, y)
    >>> bool(jnp.abs(x_adv - x).sum() < 0.501), int(x_adv.argmax()) != 0
    (True, True)
  """
  pset = l1(eps)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    model = canonicalize_on_cpu(logits_fn)
    delta = ascend(
      key,
      of_model(objective, model, labels),
      of_model(losses.prioritize_misclassified(objective), model, labels),
      eps,
      x,
      num_steps,
      large_radii,
    )
    return jax.lax.stop_gradient(pset.apply(x, delta))

  return attack


def ascend(
  key: Key,
  guide: Callable[[Array], Array],
  objective: Callable[[Array], Array],
  eps: Array | float,
  x: Array,
  num_steps: int,
  large_radii: bool,
) -> Array:
  """Finds the delta of one run.

  While the radius is larger than eps, `guide` is maximized instead of the
  objective.
  """
  if not large_radii:
    return sparse_ascent(key, objective, l1(eps), x, num_steps=num_steps).delta
  early = math.ceil(0.3 * num_steps)
  delta = jax.random.normal(key, x.shape)
  for factor, steps in ((3, early), (2, early), (1, num_steps - 2 * early)):
    pset = l1(factor * eps)
    delta = sparse_ascent(
      key,
      objective if factor == 1 else guide,
      pset,
      x,
      num_steps=steps,
      start=pset.project(x, delta),
    ).delta
  return delta


def sparse_ascent(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  *,
  num_steps: int = 100,
  start: Array | None = None,
) -> SearchResult:
  """Steps along the signs of the largest gradient entries, with projection.

  The number of entries that move follows the sparsity of the best point so far.
  After every 0.04 of the steps, if the best point has become sparser, the run
  returns to it with the full step size of one radius; otherwise the step size
  shrinks. It makes `num_steps + 1` forward and `num_steps` backward passes, and
  one forward pass for the clean point.

  Args:
    key: random key, consumed by the random start.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the L1 ball. Its radius is the L1 norm of its `linear_maximizer`.
    x: clean inputs `[B, ...]`.
    num_steps: number of steps of the single run.
    start: delta to start from, whose sparsity is used. By default projected
      normal noise, with a fifth of the entries moving.

  Source: Croce and Hein 2021, section 4, in the form of the authors' code,
  which never moves fewer than two entries.

  Deviation: the clean point is a candidate as well.
  """
  checks.at_least_one("num_steps", num_steps)
  every = max(int(0.04 * num_steps), 1)
  delta = start
  if start is None:
    delta = pset.project(x, jax.random.normal(key, x.shape))
  size = _rows(delta).shape[1]
  best, grad = ascent.score_and_gradient(objective, pset, x, delta)
  batch = jnp.zeros(x.shape[:1], jnp.float32)
  num_changed = batch + size if start is None else _num_changed(delta)
  fraction = num_changed / size * _FRACTION_OF_BEST
  state = _Step(
    delta=delta,
    grad=grad,
    best=best,
    best_grad=grad,
    step_size=batch + 1.0,
    fraction=batch + _FIRST_FRACTION if start is None else fraction,
    num_changed=num_changed,
  )

  def move(s: _Step) -> PyTree:
    radius = tree.norm(pset.linear_maximizer(x, s.grad), "l1")
    direction = tree.normalize(_sparse_sign(s.grad, s.fraction), "l1")
    return pset.project(x, tree.add(s.delta, s.step_size * radius, direction))

  def step(i, s: _Step) -> _Step:
    delta = move(s)
    here, grad = ascent.score_and_gradient(objective, pset, x, delta)
    better = here.value > s.best.value
    s = s._replace(
      delta=delta,
      grad=grad,
      best=tree.where(better, here, s.best),
      best_grad=tree.where(better, grad, s.best_grad),
    )
    return jax.lax.cond((i + 1) % every == 0, _check, lambda s: s, s)

  state = jax.lax.fori_loop(0, num_steps - 1, step, state)
  last = ascent.score(objective, pset, x, move(state))
  clean = ascent.score(objective, pset, x, pset.zero(x))
  return tree.better(clean, tree.better(state.best, last))


def _check(s: _Step) -> _Step:
  num_changed = _num_changed(s.best.delta)
  sparser = num_changed < 0.95 * s.num_changed
  step_size = jnp.where(sparser, 1.0, s.step_size / _SHRINK)
  return s._replace(
    delta=tree.where(sparser, s.best.delta, s.delta),
    grad=tree.where(sparser, s.best_grad, s.grad),
    step_size=jnp.maximum(step_size, _SMALLEST_STEP),
    fraction=num_changed / _rows(s.delta).shape[1] * _FRACTION_OF_BEST,
    num_changed=num_changed,
  )


def _sparse_sign(grad: PyTree, fraction: Array) -> PyTree:
  """Signs of the largest entries, the given fraction of all entries."""
  size = jnp.abs(_rows(grad))
  n = size.shape[1]
  below = jnp.clip((1 - fraction) * n, 0, n - 1).astype(jnp.int32)
  threshold = kth_largest(size, n - below)
  return jax.tree.map(
    lambda g: jnp.where(
      jnp.abs(g) >= tree.expand(threshold, g), jnp.sign(g), 0
    ),
    grad,
  )


def _num_changed(delta: PyTree) -> Array:
  return (_rows(delta) != 0).sum(axis=1).astype(jnp.float32)


def _rows(delta: PyTree) -> Array:
  leaves = jax.tree.leaves(delta)
  return jnp.concatenate([t.reshape(t.shape[0], -1) for t in leaves], axis=1)
