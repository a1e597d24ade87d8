"""HopSkipJump: the nearest adversarial example from labels alone."""

import itertools
import math

import numpy as np

from robust_jax import checks
from robust_jax.black_box import geometry
from robust_jax.black_box.queries import BlackBoxAttack, Predict, Victim
from robust_jax.black_box.start import starting_points
from robust_jax.types import Key, Norm

_PROBES_AT_ONCE = 32
_MAX_HALVINGS = 30


def hop_skip_jump(
  *,
  norm: Norm = "l2",
  max_queries: int | np.ndarray = 5000,
  targeted: bool = False,
  first_probes: int = 100,
  max_probes: int = 10_000,
) -> BlackBoxAttack:
  """HopSkipJump: moves along the decision boundary, using labels only.

  Each round estimates the normal of the boundary from the labels of probes
  around a point on it, takes a step along the normal, and returns to the
  boundary by bisection. All examples move in lockstep, so that the victim
  receives large batches.

  Args:
    norm: "l2" or "linf", the distance to minimize.
    max_queries: budget of each example, an int or `[B]`.
    targeted: whether the labels are target classes.
    first_probes: number of probes per normal in the first round; it grows with
      the square root of the round's number.
    max_probes: largest number of probes per normal.

  Returns:
    `(key, predict, x, labels, starts=None) -> QueryResult`; `starts` as in
    `starting_points`. An example ends when its remaining budget does not
    suffice for another round. It raises ValueError as `Victim` and
    `starting_points` do.

  Source: Chen, Jordan and Wainwright 2020, "HopSkipJumpAttack: A
  Query-Efficient Decision-Based Attack", algorithms 1 and 2, and its code.

  Deviation: the best point of all rounds is returned; bisection ends at a
  thousandth of the distance where the published tolerance is coarser, which is
  the case below 100 (L2) or 32 (Linf) dimensions.

  Example:
    >>> import jax, numpy as np
    >>> from robust_jax.black_box import hop_skip_jump
    >>> predict = lambda x: (x[:, 0] < x[:, 1]).astype(int)  # labels only
    >>> x, y = np.array([[0.75, 0.25]], np.float32), np.array([0])
    >>> attack = hop_skip_jump(max_queries=300)
    >>> result = attack(jax.random.key(0), predict, x, y)
    >>> bool(result.success[0]), bool(result.l2[0] < 0.36)  # 0.354 at best
    (True, True)
  """
  checks.norm(norm, geometry.NORMS)

  def attack(key: Key, predict: Predict, x, labels, starts=None):
    victim = Victim(predict, x, labels, max_queries, targeted)
    generators = geometry.generators(key, len(victim.x))
    point, found = starting_points(victim, generators, starts)
    size = victim.x[0].size
    end = min(size**-1.5 if norm == "l2" else size**-2.0, 1e-3)
    reserve = 2 + math.ceil(-math.log2(end))

    nearest = geometry.distance(victim.x, point, norm)
    begun = np.flatnonzero(found & (nearest > 0))
    point = _to_boundary(victim, point, begun, norm, end)
    best, nearest = point, geometry.distance(victim.x, point, norm)
    for t in itertools.count(1):
      far = geometry.distance(victim.x, point, norm)
      active = np.flatnonzero(found & (far > 0) & (victim.remaining > reserve))
      if not len(active):
        return victim.conclude(best)
      probes = min(int(first_probes * math.sqrt(t)), max_probes)
      count = np.minimum(probes, victim.remaining[active] - reserve)
      sources = [generators[i] for i in active.tolist()]
      normal = _normal(
        victim, point, active, count, far[active] / size, sources, norm
      )
      point = _step(victim, point, active, normal, far[active] / math.sqrt(t))
      point = _to_boundary(victim, point, active, norm, end)
      now = geometry.distance(victim.x, point, norm)
      closer = now < nearest
      best = np.where(geometry.column(closer, best), point, best)
      nearest = np.minimum(nearest, now)

  return attack


def _to_boundary(victim, point, active, norm, end):
  """Moves misclassified points as near to x as the segment allows."""
  x, far = victim.x[active], point[active]
  low, high = np.zeros(len(active)), np.ones(len(active))
  for _ in range(math.ceil(-math.log2(end))):
    middle = (low + high) / 2
    success = victim.is_adversarial(
      geometry.interpolate(x, far, middle, norm), active
    )
    low, high = np.where(success, low, middle), np.where(success, middle, high)
  result = point.copy()
  # A fraction of 1 is the point itself, without rounding.
  nearer = geometry.interpolate(x, far, high, norm)
  result[active] = np.where(geometry.column(high < 1, far), nearer, far)
  return result


def _normal(victim, point, active, count, radius, generators, norm):
  """Unit direction in which more points are misclassified."""
  here = point[active]
  sums = np.zeros((2, *here.shape))  # of the adversarial noise, and of all
  num_successes = np.zeros(len(active))
  for start in range(0, count.max(), _PROBES_AT_ONCE):
    noise = np.stack([_noise(g, here[0].shape, norm) for g in generators])
    moved = here[:, None] + geometry.column(radius, noise) * noise
    moved = np.clip(moved, 0, 1).astype(np.float32)
    sent = start + np.arange(_PROBES_AT_ONCE) < count[:, None]
    row, _ = np.nonzero(sent)
    success = np.zeros(sent.shape, bool)
    success[sent] = victim.is_adversarial(moved[sent], active[row])
    noise = (moved - here[:, None]) / geometry.column(radius, noise)
    sums[0] += _sum(noise, success)
    sums[1] += _sum(noise, sent)
    num_successes += success.sum(axis=1)
  # The mean is subtracted as a baseline. If all probes agree, the mean of the
  # noise is used.
  fraction = geometry.column(num_successes / count, here)
  sign = np.where(fraction == 1, 1.0, -1.0)
  mixed = sums[0] - fraction * sums[1]
  normal = np.where((fraction == 0) | (fraction == 1), sign * sums[1], mixed)
  if norm == "linf":
    return np.sign(normal)
  length = np.linalg.norm(normal.reshape(len(here), -1), axis=1)
  return normal / geometry.column(np.maximum(length, 1e-30), normal)


def _noise(generator, shape, norm):
  """Directions `[probes, ...]` of unit L2 length."""
  shape = (_PROBES_AT_ONCE, *shape)
  if norm == "l2":
    noise = generator.standard_normal(shape, np.float32)
  else:
    noise = 2 * generator.random(shape, np.float32) - 1
  length = np.linalg.norm(noise.reshape(len(noise), -1), axis=1)
  return noise / geometry.column(length, noise)


def _sum(noise, mask):
  return np.einsum("bp...,bp->b...", noise, mask, dtype=np.float64)


def _step(victim, point, active, normal, length):
  """The longest of the halved steps along the normal that is still adversarial.

  An example for which there is none does not move.
  """
  result = point.copy()
  pending = np.arange(len(active))
  for _ in range(_MAX_HALVINGS):
    step = geometry.column(length[pending], normal) * normal[pending]
    ahead = np.clip(point[active[pending]] + step, 0, 1).astype(np.float32)
    success = victim.is_adversarial(ahead, active[pending])
    result[active[pending[success]]] = ahead[success]
    pending = pending[~success]
    pending = pending[victim.remaining[active[pending]] > 0]
    if not len(pending):
      break
    length = length / 2
  return result
