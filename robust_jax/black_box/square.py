"""Square attack: random search over square windows, from scores."""

import itertools

import numpy as np

from robust_jax import checks
from robust_jax.black_box import geometry
from robust_jax.black_box.queries import BlackBoxAttack, Predict, Victim
from robust_jax.search import square_window
from robust_jax.types import Key, Norm


def square(
  eps: float | np.ndarray,
  *,
  norm: Norm = "linf",
  max_queries: int | np.ndarray = 5000,
  targeted: bool = False,
  first_fraction: float = 0.8,
) -> BlackBoxAttack:
  """Square attack: random search over square windows, using scores only.

  A random change of a window is kept unless it decreases the margin. Each step
  makes one query of each example, and an example ends with its first
  adversarial image.

  Args:
    eps: radius in input units, a float or `[B]`.
    norm: "linf" or "l2".
    max_queries: budget of each example, an int or `[B]`.
    targeted: whether the labels are target classes.
    first_fraction: fraction of the image covered by the first windows.

  Returns:
    `(key, predict, x, labels) -> QueryResult` for images `[B, H, W, C]` and a
    victim that returns scores. It raises ValueError as `Victim` does.

  Source: Andriushchenko et al. 2020, "Square Attack", algorithms 1 to 3, with
  the schedule of 10,000 queries, whatever the budget, and the margin as loss,
  as in AutoAttack.

  Deviation: equal margins are accepted, so that the search drifts over the
  plateaus of trees; every position is drawn, where the published code never
  draws the last; the original is evaluated first; targets use the margin as
  well, where the paper uses the cross-entropy.

  Example:
    >>> import jax, numpy as np
    >>> from robust_jax.black_box import square
    >>> scores = lambda x: x.reshape(len(x), -1)[:, :2]
    >>> x = np.full((1, 4, 4, 1), 0.5, np.float32)
    >>> result = square(0.1)(jax.random.key(0), scores, x, np.array([0]))
    >>> result.success, bool(result.linf[0] < 0.11)
    (array([ True]), True)
  """
  checks.norm(norm, geometry.NORMS)
  checks.non_negative("eps", eps)

  def attack(key: Key, predict: Predict, x, labels):
    if x.ndim != 4:
      raise ValueError(
        f"images of shape {x.shape}: the Square attack expects [B, H, W, C]; "
        "reshape them, or use black_box.spsa."
      )
    victim = Victim(predict, x, labels, max_queries, targeted)
    generators = geometry.generators(key, len(victim.x))
    radius = geometry.radii(eps, victim.x, norm)
    best = victim.x.copy()
    value = victim.margin(best, np.arange(len(best)))
    for iteration in itertools.count():
      active = np.flatnonzero((value <= 0) & (victim.remaining > 0))
      if not len(active):
        return victim.conclude(best)
      fraction = square_window.fraction(iteration, first_fraction)
      x_active, eps_active = victim.x[active], radius[active]
      change = np.stack(
        [
          _propose(
            generators[i], best[i] - victim.x[i], radius[i], fraction, norm
          )
          if iteration > 0
          else radius[i] * _start(generators[i], victim.x[i].shape, norm)
          for i in active.tolist()
        ]
      )
      ahead = geometry.project(x_active, x_active + change, eps_active, norm)
      margin = victim.margin(ahead, active)
      better = (margin >= value[active]) | (iteration == 0)
      best[active[better]] = ahead[better]
      value[active[better]] = margin[better]

  return attack


def _start(generator, shape, norm):
  """A change of unit norm: stripes in Linf, a lattice of bumps in L2."""
  height, width, channels = shape
  if norm == "linf":
    signs = _signs(generator, (1, width, channels))
    return np.broadcast_to(signs, shape)
  side = max(min(height, width) // 5, 1)
  rows, columns = height // side, width // side
  signs = _signs(generator, (rows, columns, channels))
  lattice = np.einsum("rkc,ij->rikjc", signs, square_window.bumps(side))
  lattice = lattice.reshape(rows * side, columns * side, channels)
  start = np.zeros(shape, np.float32)
  start[: rows * side, : columns * side] = lattice
  return start / np.linalg.norm(start)


def _propose(generator, change, eps, fraction, norm):
  """The change with one more window in it, not yet projected onto the ball."""
  height, width, channels = change.shape
  smallest = 1 if norm == "linf" else 3
  side = square_window.side(fraction, height, width, smallest)
  here = _place(generator, change, side)
  proposal = change.copy()
  if norm == "linf":
    proposal[here] += 2 * eps * _signs(generator, (1, 1, channels))
    return proposal
  return _move_mass(generator, proposal, eps, here, side)


def _move_mass(generator, change, eps, here, side):
  """Moves a second window's change into the first, and adds the unused eps."""
  there = _place(generator, change, side)
  channels = change.shape[-1]
  spare = max(eps**2 - np.sum(change**2), 0) / channels
  both = np.zeros(change.shape[:2], bool)
  both[here[:2]] = both[there[:2]] = True
  mass = np.sqrt(spare + np.sum(change[both] ** 2, axis=0))
  bumps = square_window.bumps(side)
  bumps = bumps.T if generator.random() < 0.5 else bumps
  old = change[here] / (np.linalg.norm(change[here], axis=(0, 1)) + 1e-10)
  new = bumps[..., None] * _signs(generator, (1, 1, channels)) + old
  new /= np.linalg.norm(new, axis=(0, 1)) + 1e-10
  change[there] = 0
  change[here] = new * mass
  length = np.linalg.norm(change)
  return change * (eps / length) if length > 0 else change


def _place(generator, change, side):
  top = generator.integers(change.shape[0] - side + 1)
  left = generator.integers(change.shape[1] - side + 1)
  return slice(top, top + side), slice(left, left + side)


def _signs(generator, shape):
  return (2 * generator.integers(0, 2, shape) - 1).astype(np.float32)
