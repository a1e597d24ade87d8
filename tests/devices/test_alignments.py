"""Devices that share a batch find the domains as far apart as one does."""

import jax
import numpy as np
import pytest

from tests.contract.test_alignments import ALIGNMENTS, loss, shared


@pytest.mark.parametrize("name", ALIGNMENTS)
def test_eight_devices_are_one(name):
  np.testing.assert_allclose(shared(name, jax.pmap, 8), loss(name), rtol=1e-5)
