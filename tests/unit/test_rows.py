"""However a row is taken apart, it is the same sum and the same maximum."""

import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.xla_cpu.materialize import materialize
from robust_jax.xla_cpu.reductions import row_max, row_sum


@pytest.mark.parametrize("length", [1, 127, 128, 135, 784, 1000])
@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_rows_of_any_length(length, lead):
  x = np.random.default_rng(0).normal(size=(*lead, length)).astype(np.float32)
  np.testing.assert_array_equal(row_max(x), x.max(axis=-1))
  # Rounding: of 1,000 terms of size 1.
  np.testing.assert_allclose(row_sum(x), x.sum(axis=-1), atol=1e-4)
  mask = jnp.asarray(x > 0).astype(jnp.int32)
  np.testing.assert_array_equal(row_sum(mask), (x > 0).sum(axis=-1))


def test_a_nan_is_not_lost():
  x = np.zeros((3, 300), np.float32)
  x[0, 5] = x[1, 299] = np.nan
  for reduced in (row_max(x), row_sum(x)):
    np.testing.assert_array_equal(np.isnan(reduced), [True, True, False])


def test_what_is_materialize_is_what_it_was():
  x = np.float32([0.0, -0.0, 1.5, -3e38, 2e-38, np.inf, -np.inf, np.nan])
  np.testing.assert_array_equal(materialize(x), x)
  np.testing.assert_array_equal(np.signbit(materialize(x)), np.signbit(x))
