"""Preparation of datasets, with tensorflow in its own environment if needed.

Datasets are read without tensorflow, and this project's own datasets are
prepared without it too. TFDS's builders need it to prepare theirs.
"""

import pathlib
import subprocess
import sys

from robust_jax.data.prepare import prepare
from robust_jax.data.tfds import find_builder, is_prepared, own_builder

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_ENVIRONMENT = _ROOT / ".venv.tensorflow"
_REQUIREMENTS = pathlib.Path(__file__).with_name("requirements-tensorflow.txt")


def prepare_data(name: str) -> None:
  """Prepares the dataset `name`.

  Raises:
    ValueError: there is no such dataset, or it cannot be prepared.
  """
  if own_builder(name) or is_prepared(find_builder(name)):
    prepare(name)
    return
  _set_up()
  program = "import sys; from robust_jax.data.prepare import prepare; "
  _run(
    f"prepare {name}", [_python(), "-c", f"{program}prepare(sys.argv[1])", name]
  )


def _set_up() -> None:
  ready = _ENVIRONMENT / "ready"
  if ready.exists():
    return
  print(f"installing tensorflow-cpu into {_ENVIRONMENT} (once)")
  _run("make an environment", [sys.executable, "-m", "venv", _ENVIRONMENT])
  install = [_python(), "-m", "pip", "install", "--quiet"]
  _run("install tensorflow", [*install, "--requirement", _REQUIREMENTS])
  ready.touch()


def _run(what, command) -> None:
  status = subprocess.run(command, cwd=_ROOT, check=False).returncode
  if status:
    raise ValueError(
      f"cannot {what}: see above; its process ended with status {status}."
    )


def _python() -> str:
  return str(_ENVIRONMENT / "bin" / "python")
