"""The distance of the domains' second moments."""

import jax.numpy as jnp

from robust_jax.adaptation.distances import discrepancy
from robust_jax.adaptation.records import Alignment
from robust_jax.types import Array


def coral(*, layer: str = "features") -> Alignment:
  """The squared Frobenius distance of the covariances, over 4 d^2.

  Taken over the whole batch, however many devices share it. Means may differ:
  only the second moments are brought together.

  Args:
    layer: what has the covariance, "features" or "logits" (as in the paper).

  Raises:
    ValueError: there is no such layer.

  Source: Sun and Saenko 2016, "Deep CORAL: correlation alignment for deep
  domain adaptation", equations 1 to 3.
  """

  def distance(source, source_weight, target, target_weight) -> Array:
    a, b = _scaled(source, source_weight), _scaled(target, target_weight)
    width = a.shape[1]
    return _squared_distance(a, b) / (4 * width**2)

  return discrepancy("coral", layer, distance)


def _scaled(rows: Array, weight: Array) -> Array:
  """A `[N, D]` with A'A the weighted covariance, unbiased at equal weights."""
  total = weight.sum()
  centerd = rows - (weight @ rows) / total
  centerd -= (weight @ centerd) / total  # far from 0 the first was rounded
  return centerd * jnp.sqrt(weight / (total - 1))[:, None]


def _squared_distance(a: Array, b: Array) -> Array:
  """|A'A - B'B|^2, of few rows without the matrices of their many columns."""
  rows = jnp.concatenate([a, b])
  if len(rows) >= rows.shape[1]:
    return jnp.sum((a.T @ a - b.T @ b) ** 2)
  signs = jnp.concatenate([jnp.ones(len(a)), -jnp.ones(len(b))])
  return signs @ (rows @ rows.T) ** 2 @ signs
