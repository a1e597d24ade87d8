"""Certificates of images that are spread over devices."""

import jax
import numpy as np
import pytest

from robust_jax import certificates, parallel
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.models.inference import inference_fn

KEY = jax.random.key(0)
X = np.asarray(jax.random.uniform(KEY, (16, 8, 8, 1)))
NET = SmallCNN(4)
MODEL = inference_fn(NET, NET.init(KEY, X))
LABELS = np.asarray(MODEL(X).argmax(axis=1))
CERTIFICATES = {
  "smoothing": certificates.smoothing(0.1, n0=20, n=100, chunk=256),
  "interval_bounds": certificates.interval_bounds(resolution=10_000),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_eight_devices_find_the_radii_of_one(name):
  radii = CERTIFICATES[name].radii
  one = radii(KEY, MODEL, X, LABELS)
  spread = parallel.spread((X, LABELS))
  assert len(spread[0].sharding.device_set) == 8
  eight = radii(KEY, parallel.replicate(MODEL), *spread)
  np.testing.assert_array_equal(eight, one)
  assert len(np.unique(one)) > 3
