"""These tests want eight devices; `tests/unit/test_devices.py` gives them."""

import jax
import pytest


@pytest.fixture(autouse=True)
def _eight_devices():
  if jax.device_count() < 8:
    pytest.skip("needs XLA_FLAGS=--xla_force_host_platform_device_count=8")
