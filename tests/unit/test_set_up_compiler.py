"""Flags of XLA. One that XLA does not know ends the process."""

import os
import subprocess
import sys

import jaxlib.version
import pytest

from experiments.cli.set_up_compiler import xla_flags

VERSION = jaxlib.version.__version__


@pytest.mark.parametrize("cuda", [False, True])
def test_xla_knows_the_flags(cuda):
  flags = " ".join(xla_flags(VERSION, cuda))
  code = "import jax; print(jax.numpy.ones(2).sum())"
  result = subprocess.run(
    [sys.executable, "-c", code],
    env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
    capture_output=True,
    text=True,
    check=False,
  )
  assert (result.stdout, result.returncode) == ("2.0\n", 0), result.stderr


def test_cpus_of_jaxlib_0_11_need_no_flags():
  assert xla_flags("0.11.2", cuda=False) == []
