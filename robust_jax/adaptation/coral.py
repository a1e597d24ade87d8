"""Correlation alignment (CORAL): the distance of the domains' covariances."""

import jax.numpy as jnp

from robust_jax.adaptation.distances import discrepancy
from robust_jax.adaptation.records import Alignment
from robust_jax.types import Array


def coral(*, layer: str = "features") -> Alignment:
  """Correlation alignment (CORAL): the distance of the domains' covariances.

      loss = ||C_source - C_target||_F^2 / (4 d^2)

  with covariances C `[d, d]` over the whole batch of all devices. Means are not
  aligned.

  Args:
    layer: the layer whose covariances are compared, "features" or "logits" (as
      in the paper).

  Raises:
    ValueError: there is no such layer.

  Source: Sun and Saenko 2016, "Deep CORAL: correlation alignment for deep
  domain adaptation", equations 1 to 3.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import adaptation
    >>> from robust_jax.adaptation.records import View
    >>> h = jnp.array([[1.0], [-1.0]])  # of variance 2
    >>> source = View(h, h, jnp.zeros(2, int), jnp.ones(2))
    >>> target = source._replace(features=2 * h)  # of variance 8
    >>> loss = jax.jit(adaptation.coral().loss)
    >>> distance, metrics = loss({}, source, target, jax.random.key(0))
    >>> round(distance.item(), 3)  # (8 - 2)^2 / 4
    9.0
  """

  def distance(source, source_weight, target, target_weight) -> Array:
    a, b = _scaled(source, source_weight), _scaled(target, target_weight)
    width = a.shape[1]
    return _squared_distance(a, b) / (4 * width**2)

  return discrepancy("coral", layer, distance)


def _scaled(rows: Array, weight: Array) -> Array:
  """Computes A `[N, D]` whose A'A is the weighted covariance of the rows.

  It is unbiased for equal weights.
  """
  total = weight.sum()
  centered = rows - (weight @ rows) / total
  centered -= (weight @ centered) / total  # the first was rounded, far from 0
  return centered * jnp.sqrt(weight / (total - 1))[:, None]


def _squared_distance(a: Array, b: Array) -> Array:
  """Computes |A'A - B'B|^2, by the smaller of the Gram matrices."""
  rows = jnp.concatenate([a, b])
  if len(rows) >= rows.shape[1]:
    return jnp.sum((a.T @ a - b.T @ b) ** 2)
  signs = jnp.concatenate([jnp.ones(len(a)), -jnp.ones(len(b))])
  return signs @ (rows @ rows.T) ** 2 @ signs
