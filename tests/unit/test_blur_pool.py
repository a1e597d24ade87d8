"""Anti-aliased downsampling, and the network that has it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from robust_jax.models.blur_pool import blur_pool
from robust_jax.models.classifiers.preact_resnet import PreActResNet

PLAIN = PreActResNet(num_classes=5, num_blocks=(1, 1), width=4)
SMOOTH = PLAIN.clone(blur_pool=True)


@pytest.mark.parametrize("shape", [(2, 8, 8, 3), (1, 7, 4, 2), (1, 2, 5, 1)])
def test_it_is_a_binomial_filter_and_a_stride(shape):
  x = np.random.default_rng(0).random(shape, np.float32)
  smooth = x
  for axis in (1, 2):
    smooth = scipy.ndimage.correlate1d(
      smooth, [0.25, 0.5, 0.25], axis, mode="mirror"
    )
  np.testing.assert_allclose(blur_pool(x), smooth[:, ::2, ::2], rtol=1e-5)


def test_what_a_stride_would_take_for_something_else_is_gone():
  rows, columns = np.indices((8, 8))
  for stripes in (rows, columns, rows + columns):
    x = jnp.asarray(stripes % 2, jnp.float32)[None, ..., None]
    np.testing.assert_array_equal(blur_pool(x), 0.5)


def test_both_networks_have_the_same_parameters_and_other_answers():
  x = jnp.asarray(np.random.default_rng(1).random((2, 9, 8, 3), np.float32))
  variables = PLAIN.init(jax.random.key(0), x)
  shapes = jax.eval_shape(SMOOTH.init, jax.random.key(0), x)
  assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, shapes)
  answers = [m.apply(variables, x) for m in (PLAIN, SMOOTH)]
  assert answers[0].shape == answers[1].shape
  assert not np.allclose(*answers)


def test_a_shift_changes_the_features_less():
  """Untrained, on noise, away from the border that shifts move things over."""
  wide = jax.random.uniform(jax.random.key(1), (16, 17, 17, 3))
  variables = PLAIN.init(jax.random.key(0), wide[:, :16, :16])
  changes = []
  for model in (PLAIN, SMOOTH):
    features = jax.jit(
      lambda x, m=model: m.apply(variables, x, method="features")
    )
    here, there = features(wide[:, :16, :16]), features(wide[:, 1:, 1:])
    changes.append(jnp.linalg.norm(here - there) / jnp.linalg.norm(here))
  assert changes[1] < 0.8 * changes[0], changes
