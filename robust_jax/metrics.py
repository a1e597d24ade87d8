"""Metrics are masked sums: {name: (sum, count)}, divided once at the end.

Sums add up over batches, devices and processes whatever their sizes; averages
of averages would not.
"""

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array, Metrics


def average(values: Array, mask: Array) -> tuple[Array, Array]:
  """(sum `[...]`, count) of `values [B, ...]` where `mask [B]` is 1.

  A masked value has no influence, not even as NaN.
  """
  weights = mask.reshape(mask.shape + (1,) * (values.ndim - 1))
  kept = jnp.where(weights > 0, values.astype(jnp.float32), 0.0)
  return jnp.sum(kept * weights, axis=0), jnp.sum(mask)


def accuracy(logits: Array, labels: Array, mask: Array) -> tuple[Array, Array]:
  """(correct, count) of logits `[B, K]` against labels `[B]`."""
  return average(jnp.argmax(logits, axis=-1) == labels, mask)


def merge(a: Metrics, b: Metrics) -> Metrics:
  """The metrics of both."""
  return jax.tree.map(jnp.add, a, b)


def result(metrics: Metrics) -> dict[str, float | np.ndarray]:
  """Sums divided by their counts; NaN for a count of 0.

  A Python float for each scalar, a float64 array for a sum that has a shape.
  """
  return {
    name: _divided(total, float(count))
    for name, (total, count) in jax.device_get(metrics).items()
  }


def _divided(total, count):
  total = np.asarray(total, np.float64)
  mean = total / count if count else np.full(total.shape, np.nan)
  return mean if mean.ndim else mean.item()
