"""Metrics are masked sums: {name: (sum, count)}, divided once at the end.

Sums add up over batches, devices and processes whatever their sizes; averages
of averages would not.
"""

import jax
import jax.numpy as jnp

from robust_jax.types import Array, Metrics


def average(values: Array, mask: Array) -> tuple[Array, Array]:
  """(sum, count) of `values [B]` where `mask [B]` is 1.

  A masked value has no influence, not even as NaN.
  """
  kept = jnp.where(mask > 0, values.astype(jnp.float32), 0.0)
  return jnp.sum(kept * mask), jnp.sum(mask)


def accuracy(logits: Array, labels: Array, mask: Array) -> tuple[Array, Array]:
  """(correct, count) of logits `[B, K]` against labels `[B]`."""
  return average(jnp.argmax(logits, axis=-1) == labels, mask)


def merge(a: Metrics, b: Metrics) -> Metrics:
  """The metrics of both."""
  return jax.tree.map(jnp.add, a, b)


def result(metrics: Metrics) -> dict[str, float]:
  """Sums divided by their counts, as Python floats; NaN for a count of 0."""
  return {
    name: float(total) / float(count) if count else float("nan")
    for name, (total, count) in jax.device_get(metrics).items()
  }
