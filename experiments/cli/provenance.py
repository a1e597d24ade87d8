"""Provenance of a report: seed, machine, versions and config."""

import importlib.metadata
import json
import platform
from typing import Any

import jax
from ml_collections import ConfigDict

import robust_jax
from robust_jax import precision

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")


def provenance(config: ConfigDict) -> dict[str, Any]:
  """Returns the seed, `machine()` and the config, as JSON values."""
  return {
    "seed": config.seed,
    **machine(),
    "config": json.loads(config.to_json()),
  }


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
