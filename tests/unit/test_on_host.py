"""A JAX model as a function on the host."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.as_numpy_fn import as_numpy_fn


@pytest.mark.parametrize("num_rows", [1, 7, 8, 9, 127, 300, 700])
def test_every_row_has_its_own_answer(num_rows):
  images = np.random.default_rng(0).random((num_rows, 2, 3), np.float32)
  answer = as_numpy_fn(lambda x: x.reshape(len(x), -1) * 2)(images)
  np.testing.assert_array_equal(answer, images.reshape(num_rows, -1) * 2)


def test_other_parameters_fraction_the_programs():
  traces = []

  def scaled(scale, x):
    traces.append(x.shape)
    return x * scale

  images = np.ones((3, 2), np.float32)
  for scale in (1.0, 2.0):
    predict = as_numpy_fn(jax.tree_util.Partial(scaled, jnp.float32(scale)))
    np.testing.assert_array_equal(predict(images), scale * images)
  assert len(traces) == 1


def test_four_programs_at_most():
  traces = []

  def logits_fn(x):
    traces.append(x.shape)
    return jnp.stack([x, -x], axis=1)

  predict = as_numpy_fn(logits_fn)
  for num_rows in [*range(1, 140), 511, 512, 513, 2000]:
    assert predict(np.zeros(num_rows, np.float32)).shape == (num_rows, 2)
  assert len(traces) <= 4
