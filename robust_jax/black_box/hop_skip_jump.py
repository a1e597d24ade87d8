"""HopSkipJump: the nearest adversarial example by labels alone."""

import itertools
import math

import numpy as np

from robust_jax import checks
from robust_jax.black_box import geometry
from robust_jax.black_box.queries import BlackBoxAttack, Predict, Victim
from robust_jax.black_box.start import start_at
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
  """Walks along the victim's boundary towards the original.

  Each round estimates the boundary's normal from the answers around a point on
  it, steps along the normal, and returns to the boundary by bisection. All
  examples walk in lockstep, so that the victim sees large batches.

  Args:
    norm: "l2" or "linf", the distance to make small.
    max_queries: budget of each example, an int or `[B]`.
    targeted: labels are those that the adversary wants.
    first_probes: answers per normal in the first round; they grow as the root
      of the round's number.
    max_probes: answers per normal at most.

  Returns:
    `(key, predict, x, labels, starts=None) -> QueryResult`; `starts` as in
    `start_at`. An example ends when what is left of its budget pays for no
    further round. It raises ValueError as `Victim` and `start_at` do.

  Source: Chen, Jordan and Wainwright 2020, "HopSkipJumpAttack: A
  Query-Efficient Decision-Based Attack", algorithms 1 and 2, and its code.
  Deviations: the best point of all rounds is returned; bisection ends at a
  thousandth of the distance where the published end is coarser, as it is below
  100 (L2) or 32 (Linf) dimensions.
  """
  checks.norm(norm, geometry.NORMS)

  def attack(key: Key, predict: Predict, x, labels, starts=None):
    victim = Victim(predict, x, labels, max_queries, targeted)
    generators = geometry.generators(key, len(victim.x))
    point, found = start_at(victim, generators, starts)
    size = victim.x[0].size
    end = min(size**-1.5 if norm == "l2" else size**-2.0, 1e-3)
    reserve = 2 + math.ceil(-math.log2(end))

    nearest = geometry.distance(victim.x, point, norm)
    begun = np.flatnonzero(found & (nearest > 0))
    point = _to_boundary(victim, point, begun, norm, end)
    best, nearest = point, geometry.distance(victim.x, point, norm)
    for t in itertools.count(1):
      far = geometry.distance(victim.x, point, norm)
      active = np.flatnonzero(found & (far > 0) & (victim.left > reserve))
      if not len(active):
        return victim.conclude(best)
      probes = min(int(first_probes * math.sqrt(t)), max_probes)
      count = np.minimum(probes, victim.left[active] - reserve)
      sources = [generators[i] for i in active]
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
  """The fooling points, brought as near to x as the segment allows."""
  x, far = victim.x[active], point[active]
  low, high = np.zeros(len(active)), np.ones(len(active))
  for _ in range(math.ceil(-math.log2(end))):
    middle = (low + high) / 2
    hit = victim.fooled(geometry.toward(x, far, middle, norm), active)
    low, high = np.where(hit, low, middle), np.where(hit, middle, high)
  result = point.copy()
  # A fraction of one is the point itself, without the rounding of a way to it.
  nearer = geometry.toward(x, far, high, norm)
  result[active] = np.where(geometry.column(high < 1, far), nearer, far)
  return result


def _normal(victim, point, active, count, radius, generators, norm):
  """The direction, of unit length, in which the victim is fooled more often."""
  here = point[active]
  sums = np.zeros((2, *here.shape))  # of the noise that fools, and of all
  hits = np.zeros(len(active))
  for start in range(0, count.max(), _PROBES_AT_ONCE):
    noise = np.stack([_noise(g, here[0].shape, norm) for g in generators])
    moved = here[:, None] + geometry.column(radius, noise) * noise
    moved = np.clip(moved, 0, 1).astype(np.float32)
    asked = start + np.arange(_PROBES_AT_ONCE) < count[:, None]
    row, _ = np.nonzero(asked)
    hit = np.zeros(asked.shape, bool)
    hit[asked] = victim.fooled(moved[asked], active[row])
    noise = (moved - here[:, None]) / geometry.column(radius, noise)
    sums[0] += _sum(noise, hit)
    sums[1] += _sum(noise, asked)
    hits += hit.sum(axis=1)
  # The mean answer is taken off, as a baseline; with one answer only, the mean
  # of the noise is all there is.
  fraction = geometry.column(hits / count, here)
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
  """As far along the normal as the victim is still fooled, halving from length.

  Where it never is, the example stays.
  """
  result = point.copy()
  pending = np.arange(len(active))
  for _ in range(_MAX_HALVINGS):
    step = geometry.column(length[pending], normal) * normal[pending]
    ahead = np.clip(point[active[pending]] + step, 0, 1).astype(np.float32)
    hit = victim.fooled(ahead, active[pending])
    result[active[pending[hit]]] = ahead[hit]
    pending = pending[~hit]
    pending = pending[victim.left[active[pending]] > 0]
    if not len(pending):
      break
    length = length / 2
  return result
