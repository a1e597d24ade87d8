"""The Boundary attack: a random walk on the victim's boundary, by labels."""

import numpy as np

from robust_jax.black_box import geometry
from robust_jax.black_box.queries import BlackBoxAttack, Predict, Victim
from robust_jax.black_box.start import start_at
from robust_jax.types import Key

_SPHERE_EVERY = 5  # how often the move around x is asked about by itself
_WINDOW = 20  # answers between two changes of a step's length
_CONVERGED = 1e-7


def boundary(
  *,
  max_queries: int | np.ndarray = 10_000,
  targeted: bool = False,
  sphere_step: float = 0.01,
  source_step: float = 0.01,
) -> BlackBoxAttack:
  """Moves around the original at random, and towards it, while it still fools.

  The L2 distance never grows. All examples walk in lockstep, one or two queries
  of each per step.

  Args:
    max_queries: budget of each example, an int or `[B]`.
    targeted: labels are those that the adversary wants.
    sphere_step: first length of the move around x, as a fraction of the
      distance.
    source_step: first length of the move towards x, likewise.

  Returns:
    `(key, predict, x, labels, starts=None) -> QueryResult`; `starts` as in
    `start_at`. It raises ValueError as `Victim` and `start_at` do.

  Source: Brendel, Rauber and Bethge 2018, "Decision-Based Adversarial
  Attacks", algorithm 1. Both steps grow by half where more than half (around)
  or a quarter (towards) of the last 20 answers fooled, and shrink where fewer
  than a fifth or a tenth did. Deviation: the move around x is asked about by
  itself in every fifth step only, which is all that its length needs.
  """

  def attack(key: Key, predict: Predict, x, labels, starts=None):
    victim = Victim(predict, x, labels, max_queries, targeted)
    generators = geometry.generators(key, len(victim.x))
    point, found = start_at(victim, generators, starts)
    sphere = _Step.of(sphere_step, len(point), raise_at=0.5, lower_at=0.2)
    source = _Step.of(source_step, len(point), raise_at=0.25, lower_at=0.1)
    step = 0
    while True:
      far = geometry.distance(victim.x, point, "l2")
      moving = found & (far > 0) & (source.length > _CONVERGED)
      active = np.flatnonzero(moving & (victim.left > 0))
      if not len(active):
        return victim.conclude(point)
      sources = [generators[i] for i in active]
      around = _around(
        victim.x[active], point[active], sphere.length[active], sources
      )
      if step % _SPHERE_EVERY == 0:
        hit = victim.fooled(around, active)
        change = sphere.record(active, hit)
        source.length[active] *= change
      length = far[active] * (1 - source.length[active])
      ahead = geometry.project(victim.x[active], around, length, "l2")
      hit = victim.fooled(ahead, active)
      source.record(active, hit)
      point[active[hit]] = ahead[hit]
      step += 1

  return attack


class _Step:
  """The length of a step per example, steered by how often it succeeds."""

  def __init__(self, length, raise_at, lower_at):
    self.length = length
    self._raise_at, self._lower_at = raise_at, lower_at
    self._asked = np.zeros(len(length), int)
    self._hits = np.zeros(len(length), int)

  @classmethod
  def of(cls, length, num_examples, raise_at, lower_at):
    return cls(np.full(num_examples, length), raise_at, lower_at)

  def record(self, active, hit):
    """Counts the answers; returns the factor that each length changed by."""
    self._asked[active] += 1
    self._hits[active] += hit
    full = self._asked[active] == _WINDOW
    fraction = self._hits[active] / _WINDOW
    factor = np.where(fraction > self._raise_at, 1.5, 1.0)
    factor = np.where(fraction < self._lower_at, 1 / 1.5, factor)
    factor = np.where(full, factor, 1.0)
    self.length[active] *= factor
    self._asked[active[full]] = 0
    self._hits[active[full]] = 0
    return factor


def _around(x, point, step, generators):
  """A random point at about the same distance, `step` of it away."""
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
