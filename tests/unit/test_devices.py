"""Runs the tests that want eight devices where there are eight."""

import os
import subprocess
import sys


def test_on_eight_virtual_devices():
  flags = os.environ.get("XLA_FLAGS", "")
  result = subprocess.run(
    [sys.executable, "-m", "pytest", "tests/devices", "-q", "-rs"],
    env=os.environ
    | {"XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count=8"},
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 0, result.stdout + result.stderr
  assert "skipped" not in result.stdout
