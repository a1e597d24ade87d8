"""Maximum mean discrepancy between domains."""

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.adaptation.distances import discrepancy
from robust_jax.adaptation.records import Alignment
from robust_jax.types import Array


def mmd(*, layer: str = "features", num_kernels: int = 5) -> Alignment:
  """Domains are as far apart as the means of their kernel embeddings.

  The kernel is the average of Gaussians exp(-|a - b|^2 / s), with s the mean
  squared distance of the batch, by weights and without a gradient, times
  2^(j - n // 2), j = 0..n-1. The squared distance of the means, with each
  example's distance to itself among them, is never negative and 0 for equal
  batches. It is taken over the whole batch, however many devices share it.

  Args:
    layer: what is compared, "features" or "logits".
    num_kernels: n.

  Raises:
    ValueError: there is no such layer, or num_kernels is below 1.

  Source: Gretton et al. 2012, "A kernel two-sample test", equation 5; Long et
  al. 2015, "Learning transferable features with deep adaptation networks", with
  equal weights of the kernels and one layer instead of several.
  """
  checks.at_least_one("num_kernels", num_kernels)

  def distance(source, source_weight, target, target_weight) -> Array:
    rows = jnp.concatenate([source, target])
    weight = jnp.concatenate([source_weight, target_weight])
    signs = jnp.concatenate(
      [
        source_weight / source_weight.sum(),
        -target_weight / target_weight.sum(),
      ]
    )
    return signs @ _kernel(rows, weight / weight.sum(), num_kernels) @ signs

  return discrepancy("mmd", layer, distance)


def _kernel(rows: Array, fraction: Array, num_kernels: int) -> Array:
  """Rows `[N, D]` and the fraction `[N]` that each is of all -> `[N, N]`."""
  # Far from 0 the lengths would cancel; distances do not depend on the origin.
  rows -= jax.lax.stop_gradient(fraction @ rows)
  lengths = jnp.sum(rows**2, axis=-1)
  squared = lengths[:, None] + lengths - 2 * rows @ rows.T
  squared = jnp.maximum(squared, 0)  # of equal rows, 0 but for rounding
  scale = jax.lax.stop_gradient(fraction @ squared @ fraction) + 1e-12
  widths = scale * 2.0 ** (jnp.arange(num_kernels) - num_kernels // 2)
  return jnp.exp(-squared / widths[:, None, None]).mean(axis=0)
