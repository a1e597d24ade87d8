"""Metrics as masked sums, {name: (sum, count)}, divided once at the end.

Sums add up over batches, devices and processes of any size, unlike averages.
"""

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array, Metrics


def average(values: Array, mask: Array) -> tuple[Array, Array]:
  """Sum `[...]` and count of `values [B, ...]` where `mask [B]` is 1.

  A masked value has no influence, even if it is NaN.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import metrics
    >>> values, mask = jnp.array([1.0, 3.0, jnp.nan]), jnp.array([1, 1, 0])
    >>> metrics.result({"loss": metrics.average(values, mask)})
    {'loss': 2.0}
  """
  weights = mask.reshape(mask.shape + (1,) * (values.ndim - 1))
  kept = jnp.where(weights > 0, values.astype(jnp.float32), 0.0)
  return jnp.sum(kept * weights, axis=0), jnp.sum(mask)


def accuracy(logits: Array, labels: Array, mask: Array) -> tuple[Array, Array]:
  """Number of correct predictions and count, for logits `[B, K]`."""
  return average(jnp.argmax(logits, axis=-1) == labels, mask)


def merge(a: Metrics, b: Metrics) -> Metrics:
  """Adds the sums and the counts of two batches."""
  return jax.tree.map(jnp.add, a, b)


def result(metrics: Metrics) -> dict[str, float | np.ndarray]:
  """Divides sums by counts; NaN for a count of 0.

  Returns:
    a Python float for each scalar, a float64 array for a sum with a shape.
  """
  return {
    name: _divided(total, float(count))
    for name, (total, count) in jax.device_get(metrics).items()
  }


def _divided(total, count: float) -> float | np.ndarray:
  total = np.asarray(total, np.float64)
  mean = total / count if count else np.full(total.shape, np.nan)
  return mean if mean.ndim else mean.item()
