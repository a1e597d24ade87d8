import math

import jax.numpy as jnp
import numpy as np

from robust_jax import metrics


def test_padding_has_no_influence_not_even_nan():
  mask = jnp.array([1.0, 1.0, 0.0])
  total, count = metrics.average(jnp.array([1.0, 3.0, jnp.nan]), mask)
  assert (float(total), float(count)) == (4.0, 2.0)


def test_merged_batches_of_different_size_equal_the_whole():
  values = jnp.arange(10.0)
  ones = jnp.ones(10)
  parts = [
    {"m": metrics.average(values[s], ones[s])}
    for s in (slice(0, 7), slice(7, 10))
  ]
  assert metrics.result(metrics.merge(*parts)) == {"m": 4.5}


def test_accuracy_counts_right_answers():
  logits = jnp.eye(4)
  labels = jnp.array([0, 1, 0, 3])
  mask = jnp.array([1.0, 1.0, 1.0, 0.0])
  assert metrics.accuracy(logits, labels, mask) == (2.0, 3.0)


def test_nothing_counted_is_nan():
  result = metrics.result({"m": (np.float32(0), np.float32(0))})
  assert math.isnan(result["m"])


def test_a_sum_may_have_a_shape():
  values = jnp.arange(12.0).reshape(4, 3).at[3].set(jnp.nan)
  mask = jnp.array([1.0, 1.0, 1.0, 0.0])
  total, count = metrics.average(values, mask)
  np.testing.assert_array_equal(total, [9, 12, 15])
  sums = {"m": (total, count), "scalar": (jnp.float32(6), count)}
  result = metrics.result(metrics.merge(sums, sums))
  np.testing.assert_array_equal(result["m"], [3, 4, 5])
  assert result["scalar"] == 2.0
  assert isinstance(result["scalar"], float)
  nothing = metrics.result({"m": (total, jnp.zeros(()))})
  np.testing.assert_array_equal(nothing["m"], [np.nan] * 3)
