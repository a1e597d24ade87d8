"""Maximum mean discrepancy (MMD) between domains."""

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.adaptation.distances import discrepancy
from robust_jax.adaptation.records import Alignment
from robust_jax.types import Array


def mmd(*, layer: str = "features", num_kernels: int = 5) -> Alignment:
  """Maximum mean discrepancy (MMD): the distance of mean kernel embeddings.

      loss = E k(s, s') + E k(t, t') - 2 E k(s, t)

  over the whole batch of all devices. The biased estimate is used, which
  includes each example's kernel with itself, so the loss is never negative and
  0 for equal batches. The kernel is the average of n Gaussians
  `exp(-|a - b|^2 / (v 2^(j - n // 2)))`, j = 0..n-1, where v is the weighted
  mean squared distance of the batch, through which no gradient passes.

  Args:
    layer: the layer that is compared, "features" or "logits".
    num_kernels: n.

  Raises:
    ValueError: there is no such layer, or num_kernels is below 1.

  Source: Gretton et al. 2012, "A kernel two-sample test", equation 5; Long et
  al. 2015, "Learning transferable features with deep adaptation networks".

  Deviation: the kernels have equal weights, and one layer is compared instead
  of several.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import adaptation
    >>> from robust_jax.adaptation.records import View
    >>> h = jnp.array([[1.0], [-1.0]])
    >>> source = View(h, h, jnp.zeros(2, int), jnp.ones(2))
    >>> loss = jax.jit(adaptation.mmd().loss)
    >>> distance, metrics = loss({}, source, source, jax.random.key(0))
    >>> distance.item()
    0.0
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
  """Computes the kernel matrix `[N, N]` of rows `[N, D]`.

  `fraction` `[N]` is the weight of each row, summing to 1.
  """
  # Centered, because far from 0 the squares would cancel.
  rows -= jax.lax.stop_gradient(fraction @ rows)
  lengths = jnp.sum(rows**2, axis=-1)
  squared = lengths[:, None] + lengths - 2 * rows @ rows.T
  squared = jnp.maximum(squared, 0)  # rounding makes it negative
  scale = jax.lax.stop_gradient(fraction @ squared @ fraction) + 1e-12
  widths = scale * 2.0 ** (jnp.arange(num_kernels) - num_kernels // 2)
  return jnp.exp(-squared / widths[:, None, None]).mean(axis=0)
