"""Prepares data sets, with tensorflow in an environment of its own if needed.

Reading needs no tensorflow, nor does preparing our own data sets; TFDS's
builders use it to prepare theirs.
"""

import pathlib
import subprocess
import sys

from robust_jax.data.find_builder import find_builder, is_prepared, own_builder
from robust_jax.data.prepare import prepare

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_ENVIRONMENT = _ROOT / ".venv.tensorflow"
_REQUIREMENTS = pathlib.Path(__file__).with_name("requirements-tensorflow.txt")


def prepare_data(name: str) -> int:
  """Prepares the data set `name`; returns the exit status.

  Raises:
    ValueError: there is no such data set.
  """
  if own_builder(name) or is_prepared(find_builder(name)):
    prepare(name)
    return 0
  _set_up()
  program = "import sys; from robust_jax.data.prepare import prepare; "
  command = [_python(), "-c", program + "prepare(sys.argv[1])", name]
  return subprocess.run(command, cwd=_ROOT, check=False).returncode


def _set_up() -> None:
  ready = _ENVIRONMENT / "ready"
  if ready.exists():
    return
  print(f"installing tensorflow-cpu into {_ENVIRONMENT} (once)")
  subprocess.run([sys.executable, "-m", "venv", _ENVIRONMENT], check=True)
  install = [_python(), "-m", "pip", "install", "--quiet"]
  subprocess.run([*install, "--requirement", _REQUIREMENTS], check=True)
  ready.touch()


def _python() -> str:
  return str(_ENVIRONMENT / "bin" / "python")
