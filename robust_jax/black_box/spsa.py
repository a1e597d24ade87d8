"""SPSA: ascent on gradients that are estimated from scores."""

import numpy as np

from robust_jax import checks
from robust_jax.black_box import geometry
from robust_jax.black_box.queries import BlackBoxAttack, Predict, Victim
from robust_jax.types import Key, Norm

_DECAYS = (0.9, 0.999)  # Adam's


def spsa(
  eps: float | np.ndarray,
  *,
  norm: Norm = "linf",
  max_queries: int | np.ndarray = 5000,
  targeted: bool = False,
  num_pairs: int = 32,
  probe: float = 0.05,
  step_size: float = 0.1,
) -> BlackBoxAttack:
  """SPSA: Adam on the mean of two-sided differences along random signs.

  It makes `2 num_pairs + 1` queries of each example per step. An example ends
  with its first adversarial image.

  Args:
    eps: radius in input units, a float or `[B]`.
    norm: "linf" or "l2".
    max_queries: budget of each example, an int or `[B]`.
    targeted: whether the labels are target classes.
    num_pairs: number of differences per estimate.
    probe: length of a probe in each direction, as a fraction of eps, per
      coordinate in Linf and in total in L2.
    step_size: learning rate of Adam, in the same unit.

  Returns:
    `(key, predict, x, labels) -> QueryResult`, for a victim that returns
    scores. It raises ValueError as `Victim` does.

  Source: Uesato et al. 2018, "Adversarial Risk and the Dangers of Evaluating
  Against Weak Attacks", maximizing the margin.

  Deviation: if all differences are 0, as on the plateaus of trees, the step is
  random and the probe length doubles, up to eps, so that the next estimate
  reaches farther; images are clipped to the box; the point with the largest
  margin is kept.

  Example:
    >>> import jax, numpy as np
    >>> from robust_jax.black_box import spsa
    >>> x, y = np.array([[0.75, 0.25]], np.float32), np.array([0])
    >>> attack = spsa(0.3, num_pairs=4)
    >>> attack(jax.random.key(0), lambda x: x, x, y).success
    array([ True])
  """
  checks.norm(norm, geometry.NORMS)
  checks.non_negative("eps", eps)
  checks.at_least_one("num_pairs", num_pairs)

  def attack(key: Key, predict: Predict, x, labels):
    victim = Victim(predict, x, labels, max_queries, targeted)
    generators = geometry.generators(key, len(victim.x))
    radius = geometry.radii(eps, victim.x, norm)
    per_pixel = radius if norm == "linf" else radius / np.sqrt(victim.x[0].size)
    reach = np.full(len(radius), probe)
    point, best = victim.x.copy(), victim.x.copy()
    value = victim.margin(best, np.arange(len(best)))
    first = np.zeros(point.shape)
    second = np.zeros(point.shape)
    step = 0
    while True:
      active = np.flatnonzero((value <= 0) & (victim.remaining > 2 * num_pairs))
      if not len(active):
        return victim.conclude(best)
      step += 1
      grad, flat = _estimate(
        victim, point, active, reach * per_pixel, generators, num_pairs
      )
      reach[active[flat]] = np.minimum(2 * reach[active[flat]], 1)
      first[active] += (1 - _DECAYS[0]) * (grad - first[active])
      second[active] += (1 - _DECAYS[1]) * (grad**2 - second[active])
      mean = first[active] / (1 - _DECAYS[0] ** step)
      size = np.sqrt(second[active] / (1 - _DECAYS[1] ** step))
      move = geometry.column(step_size * per_pixel[active], mean) * mean
      ahead = point[active] + (move / (size + 1e-12)).astype(np.float32)
      ahead = geometry.project(victim.x[active], ahead, radius[active], norm)
      point[active] = ahead
      margin = victim.margin(ahead, active)
      better = margin > value[active]
      best[active[better]] = ahead[better]
      value[active[better]] = margin[better]

  return attack


def _estimate(victim, point, active, reach, generators, num_pairs):
  """Gradient `[A, ...]`, and whether all differences were 0, bool `[A]`.

  If they were, the gradient consists of random signs.
  """
  here = point[active]
  shape = (num_pairs, *here[0].shape)
  signs = np.stack(
    [
      2 * generators[i].integers(0, 2, shape, np.int8) - 1
      for i in active.tolist()
    ]
  )
  move = geometry.column(reach[active], signs) * signs
  pair = np.stack([here[:, None] + move, here[:, None] - move], axis=2)
  images = np.clip(pair, 0, 1).astype(np.float32).reshape(-1, *here[0].shape)
  margin = victim.margin(images, np.repeat(active, 2 * num_pairs))
  margin = margin.reshape(len(active), num_pairs, 2)
  with np.errstate(invalid="ignore"):  # both margins may be -inf
    difference = margin[..., 0] - margin[..., 1]
  difference = np.where(np.isfinite(difference), difference, 0)
  flat = ~difference.any(axis=1)
  grad = np.einsum("ap...,ap->a...", signs, difference, dtype=np.float64)
  grad /= geometry.column(
    2 * num_pairs * np.maximum(reach[active], 1e-30), grad
  )
  return np.where(geometry.column(flat, grad), signs[:, 0], grad), flat
