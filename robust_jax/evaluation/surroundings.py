"""What answers depend on besides models, images and our code."""

import importlib.metadata

import jax

# Of what computes, and changes images.
_PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "pillow")
_SETTINGS = (
  "jax_default_matmul_precision",
  "jax_default_prng_impl",
  "jax_enable_x64",
  "jax_threefry_partitionable",
)


def surroundings() -> str:
  """Versions, kinds of devices and settings of jax, as one text."""
  parts = [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
  parts += sorted({device.device_kind for device in jax.devices()})
  parts += [f"{name} {getattr(jax.config, name)}" for name in _SETTINGS]
  return ", ".join(parts)
