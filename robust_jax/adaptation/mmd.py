"""Maximum mean discrepancy between domains."""

import jax
import jax.numpy as jnp

from robust_jax import parallel
from robust_jax.adaptation.records import Alignment, View
from robust_jax.types import Array, Key, PyTree


def mmd(*, layer: str = "features", num_kernels: int = 5) -> Alignment:
  """Domains are as far apart as the means of their kernel embeddings.

  The kernel is the average of Gaussians exp(-|a - b|^2 / s), with s the mean
  squared distance of the batch (without a gradient) times 2^(j - n // 2), j =
  0..n-1. The squared distance of the means, with each example's distance to
  itself among them, is never negative and 0 for equal batches. It is taken over
  the whole batch, however many devices share it.

  Args:
    layer: what is compared, "features" or "logits".
    num_kernels: n.

  Raises:
    ValueError: there is no such layer.

  Source: Gretton et al. 2012, "A kernel two-sample test", equation 5; Long et
  al. 2015, "Learning transferable features with deep adaptation networks", with
  equal weights of the kernels and one layer instead of several.
  """
  check_layer(layer)

  def loss(params: PyTree, source: View, target: View, key: Key, train: bool):
    del params, key, train
    source, target = parallel.gather((source, target))
    rows = jnp.concatenate([getattr(source, layer), getattr(target, layer)])
    signs = jnp.concatenate([_share(source), -_share(target)])
    distance = signs @ _kernel(rows, num_kernels) @ signs
    return distance, {"mmd": (distance, jnp.ones(()))}

  return Alignment(lambda key, view: {}, loss, adversarial=False)


def check_layer(layer: str) -> None:
  """Refuses a layer that a view does not have."""
  if layer not in ("features", "logits"):
    raise ValueError(f"layer = '{layer}': wanted 'features' or 'logits'.")


def _share(view: View) -> Array:
  return view.weight / view.weight.sum()


def _kernel(rows: Array, num_kernels: int) -> Array:
  """Rows `[N, D]` -> `[N, N]`."""
  lengths = jnp.sum(rows**2, axis=-1)
  squared = lengths[:, None] + lengths - 2 * rows @ rows.T
  squared = jnp.maximum(squared, 0)  # of equal rows, 0 but for rounding
  scale = jax.lax.stop_gradient(squared.mean()) + 1e-12
  widths = scale * 2.0 ** (jnp.arange(num_kernels) - num_kernels // 2)
  return jnp.exp(-squared / widths[:, None, None]).mean(axis=0)
