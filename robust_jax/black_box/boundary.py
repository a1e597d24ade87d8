"""Boundary attack: a random walk along the decision boundary, from labels."""

import numpy as np

from robust_jax.black_box import geometry
from robust_jax.black_box.queries import BlackBoxAttack, Predict, Victim
from robust_jax.black_box.start import starting_points
from robust_jax.types import Key

_SPHERE_EVERY = 5  # steps between evaluations of the move around x
_WINDOW = 20  # evaluations between two changes of a step length
_CONVERGED = 1e-7


def boundary(
  *,
  max_queries: int | np.ndarray = 10_000,
  targeted: bool = False,
  sphere_step: float = 0.01,
  source_step: float = 0.01,
) -> BlackBoxAttack:
  """Boundary attack: a random walk towards the original, using labels only.

  Each step moves a misclassified point around the original at random and then
  towards it, and is kept if the result is still misclassified, so the L2
  distance never grows. All examples move in lockstep, with one or two queries
  of each per step.

  Args:
    max_queries: budget of each example, an int or `[B]`.
    targeted: whether the labels are target classes.
    sphere_step: first length of the move around x, as a fraction of the
      distance.
    source_step: first length of the move towards x, as a fraction of the
      distance.

  Returns:
    `(key, predict, x, labels, starts=None) -> QueryResult`; `starts` as in
    `starting_points`. It raises ValueError as `Victim` and `starting_points`
    do.

  Source: Brendel, Rauber and Bethge 2018, "Decision-Based Adversarial Attacks",
  algorithm 1. The step lengths grow by half if more than half (around) or a
  quarter (towards) of the last 20 points were misclassified, and shrink if
  fewer than a fifth or a tenth were.

  Deviation: the move around x is evaluated by itself in every fifth step only,
  which suffices to control its length.

  Example:
    >>> import jax, numpy as np
    >>> from robust_jax.black_box import boundary
    >>> predict = lambda x: (x[:, 0] < x[:, 1]).astype(int)  # labels only
    >>> x, y = np.array([[0.75, 0.25]], np.float32), np.array([0])
    >>> result = boundary(max_queries=500)(jax.random.key(0), predict, x, y)
    >>> bool(result.success[0]), bool(result.l2[0] < 0.4)  # 0.35 at best
    (True, True)
  """

  def attack(key: Key, predict: Predict, x, labels, starts=None):
    victim = Victim(predict, x, labels, max_queries, targeted)
    generators = geometry.generators(key, len(victim.x))
    point, found = starting_points(victim, generators, starts)
    sphere = _Step.of(sphere_step, len(point), raise_at=0.5, lower_at=0.2)
    source = _Step.of(source_step, len(point), raise_at=0.25, lower_at=0.1)
    step = 0
    while True:
      far = geometry.distance(victim.x, point, "l2")
      moving = found & (far > 0) & (source.length > _CONVERGED)
      active = np.flatnonzero(moving & (victim.remaining > 0))
      if not len(active):
        return victim.conclude(point)
      sources = [generators[i] for i in active.tolist()]
      around = _around(
        victim.x[active], point[active], sphere.length[active], sources
      )
      if step % _SPHERE_EVERY == 0:
        success = victim.is_adversarial(around, active)
        change = sphere.record(active, success)
        source.length[active] *= change
      length = far[active] * (1 - source.length[active])
      ahead = geometry.project(victim.x[active], around, length, "l2")
      success = victim.is_adversarial(ahead, active)
      source.record(active, success)
      point[active[success]] = ahead[success]
      step += 1

  return attack


class _Step:
  """The step length of each example, controlled by its rate of success."""

  def __init__(self, length, raise_at, lower_at):
    self.length = length
    self._raise_at, self._lower_at = raise_at, lower_at
    self._count = np.zeros(len(length), int)
    self._successes = np.zeros(len(length), int)

  @classmethod
  def of(cls, length, num_examples, raise_at, lower_at):
    return cls(np.full(num_examples, length), raise_at, lower_at)

  def record(self, active, success):
    """Counts successes; returns the factor by which each length changed."""
    self._count[active] += 1
    self._successes[active] += success
    full = self._count[active] == _WINDOW
    fraction = self._successes[active] / _WINDOW
    factor = np.where(fraction > self._raise_at, 1.5, 1.0)
    factor = np.where(fraction < self._lower_at, 1 / 1.5, factor)
    factor = np.where(full, factor, 1.0)
    self.length[active] *= factor
    self._count[active[full]] = 0
    self._successes[active[full]] = 0
    return factor


def _around(x, point, step, generators):
  """A random point at about the same distance from x, `step` of it away."""
  radial = point - x
  far = geometry.column(geometry.distance(x, point, "l2"), x)
  noise = np.stack(
    [g.standard_normal(x[0].shape, np.float32) for g in generators]
  )
  axes = tuple(range(1, x.ndim))
  along = (noise * radial).sum(axis=axes, keepdims=True) / far**2
  noise -= along * radial
  size = geometry.column(geometry.distance(0 * noise, noise, "l2"), x)
  step = geometry.column(step, x)
  moved = radial + step * far * noise / np.maximum(size, 1e-30)
  around = x + moved / np.sqrt(1 + step**2)
  return np.clip(around, 0, 1).astype(np.float32)
