"""The command `version`: what to say of an installation in an issue."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess
from collections.abc import Iterator

import jax

import robust_jax
from robust_jax import precision

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_PACKAGES = (
  "jax",
  "jaxlib",
  "flax",
  "optax",
  "orbax-checkpoint",
  "grain",
  "ml_collections",
  "numpy",
  "scipy",
)
_VARIABLES = ("JAX_", "XLA_", "LIBTPU_", "CUDA_VISIBLE_DEVICES", "ROBUST_JAX_")


def version_text() -> str:
  """Lists versions, devices and settings, as a list in Markdown.

  It has the versions of robust_jax (with the commit, in a checkout), of Python,
  of the system, of the packages that compute, and of plugins of JAX; the
  devices; and the environment variables that change what JAX and XLA do.
  """
  return "\n".join(f"- {line}" for line in _lines())


def _lines() -> Iterator[str]:
  yield f"robust_jax {robust_jax.__version__}{_commit()}"
  yield f"python {platform.python_version()}"
  yield f"{platform.platform()}, {os.cpu_count()} CPUs"
  for name in (*_PACKAGES, *_plugins()):
    yield f"{name} {importlib.metadata.version(name)}"
  yield f"devices: {_devices()}"
  yield f"matmul precision: {precision.matmul_precision()}"
  for name, value in sorted(os.environ.items()):
    if name.startswith(_VARIABLES):
      yield f"{name}={value}"


def _commit() -> str:
  """The commit of the checkout that this file is in; empty elsewhere."""
  try:
    found = subprocess.run(
      ["git", "rev-parse", "--show-toplevel", "--short", "HEAD"],
      cwd=_ROOT,
      capture_output=True,
      text=True,
      check=True,
    )
    top, commit = found.stdout.splitlines()
    # An environment of another project's checkout has the commit of that.
    if pathlib.Path(top).resolve() != _ROOT:
      return ""
    status = subprocess.run(
      ["git", "status", "--porcelain", "--untracked-files=no"],
      cwd=_ROOT,
      capture_output=True,
      text=True,
      check=True,
    )
  except (OSError, subprocess.CalledProcessError):  # no git, or no checkout
    return ""
  return f", commit {commit}{' and changes' if status.stdout else ''}"


def _plugins() -> list[str]:
  """Distributions such as jax-cuda12-plugin, and libtpu."""
  names = {
    (found.metadata["Name"] or "").lower()
    for found in importlib.metadata.distributions()
  }
  return sorted(n for n in names if n.startswith("jax-") or n == "libtpu")


def _devices() -> str:
  try:
    devices = jax.devices()
  except RuntimeError as error:  # the reason to write an issue, perhaps
    return f"none ({str(error).splitlines()[0]})"
  kinds = [device.device_kind for device in devices]
  counted = [f"{kinds.count(kind)} x {kind}" for kind in dict.fromkeys(kinds)]
  return f"{', '.join(counted)} ({jax.default_backend()})"
