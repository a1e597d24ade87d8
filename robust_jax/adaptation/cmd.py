"""Central moment discrepancy (CMD): means and central moments of features."""

import jax.numpy as jnp

from robust_jax import checks
from robust_jax.adaptation.distances import discrepancy
from robust_jax.adaptation.records import Alignment
from robust_jax.types import Array

_TINY = float(jnp.finfo(jnp.float32).tiny)


def cmd(
  *, num_moments: int = 5, width: float = 1.0, layer: str = "features"
) -> Alignment:
  """Central moment discrepancy (CMD): means and central moments of features.

      ||E x - E y||_2 / w + sum_{k=2}^K ||C_k(x) - C_k(y)||_2 / w^k

  where `C_k(x) = E (x - E x)^k` for each coordinate. Taken over the whole
  batch, however many devices share it.

  Args:
    num_moments: K.
    width: w = b - a of features in [a, b]; 1 for sigmoids, as in the paper.
    layer: what is compared, "features" or "logits".

  Raises:
    ValueError: fewer than one moment, a width that is not positive, or there is
      no such layer.

  Example:
    >>> from robust_jax import adaptation
    >>> adaptation.cmd(num_moments=3).adversarial
    False

  Source: Zellinger et al. 2017, "Central moment discrepancy (CMD) for
  domain-invariant representation learning", the CMD regularizer.
  """
  checks.at_least_one("num_moments", num_moments)
  if not width > 0:
    raise ValueError(f"width = {width}: expected more than 0.")

  def distance(source, source_weight, target, target_weight) -> Array:
    mean_s, source = _centered(source, source_weight)
    mean_t, target = _centered(target, target_weight)
    apart = _norm(mean_s - mean_t) / width
    for k in range(2, num_moments + 1):
      moments = _mean(source**k, source_weight) - _mean(
        target**k, target_weight
      )
      apart += _norm(moments) / width**k
    return apart

  return discrepancy("cmd", layer, distance)


def _mean(rows: Array, weight: Array) -> Array:
  return weight @ rows / weight.sum()


def _centered(rows: Array, weight: Array) -> tuple[Array, Array]:
  """The mean, and the rows less the mean."""
  mean = _mean(rows, weight)
  rest = _mean(rows - mean, weight)  # far from 0 the first was rounded
  return mean + rest, rows - mean - rest


def _norm(v: Array) -> Array:
  """The L2 norm, whose gradient at 0 is 0."""
  square = jnp.sum(v**2)
  return jnp.where(square > 0, jnp.sqrt(jnp.maximum(square, _TINY)), 0.0)
