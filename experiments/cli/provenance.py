"""Provenance of a report: seed, command, machine, versions and config."""

import importlib.metadata
import json
import platform
import shlex
import sys
from typing import Any

import jax
from absl import flags
from ml_collections import ConfigDict

import robust_jax
from robust_jax import precision

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")


def provenance(config: ConfigDict) -> dict[str, Any]:
  """Returns seed, command line, `machine()` and the config, as JSON values.

  There is no command line where no command was given, as in a notebook.
  """
  return {
    "seed": config.seed,
    **command_line(),
    **machine(),
    "config": json.loads(config.to_json()),
  }


def command_line() -> dict[str, str]:
  """Returns the command that this process runs; empty if it runs none."""
  if not flags.FLAGS.is_parsed():
    return {}
  return {"command": shlex.join(["./launch.sh", *sys.argv[1:]])}


def machine() -> dict[str, Any]:
  """Returns devices, matmul precision and versions, as JSON values."""
  return {
    "devices": [str(device) for device in jax.devices()],
    "matmul_precision": precision.matmul_precision(),
    "versions": {
      "robust_jax": robust_jax.__version__,
      "python": platform.python_version(),
    }
    | {name: importlib.metadata.version(name) for name in _PACKAGES},
  }
