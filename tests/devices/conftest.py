"""These tests want eight devices; `tests/unit/test_devices.py` gives them."""

import jax
import pytest


@pytest.fixture(autouse=True)
def _eight_devices():
  if jax.device_count() < 8:
    pytest.skip("run with eight devices by tests/unit/test_devices.py")
