"""Compiled programs that are kept, and may be damaged."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = """
import jax
from experiments.cli.set_up_compiler import set_up_compiler
set_up_compiler()
print(jax.jit(lambda x: x * 3 + 1)(2.0))
"""


def test_a_damaged_program_is_dropped_and_written_anew(tmp_path):
  environment = {
    "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    "JAX_PLATFORMS": "cpu",
  }

  def run():
    result = subprocess.run(
      [sys.executable, "-c", PROGRAM],
      cwd=ROOT,
      env=os.environ | environment,
      capture_output=True,
      text=True,
      check=True,
    )
    assert result.stdout == "7.0\n"
    return result.stderr

  def kept():
    return {file.name: file.read_bytes() for file in tmp_path.glob("*-cache")}

  assert run() == ""
  whole = kept()
  assert whole
  damages = (
    lambda content: content[: len(content) // 2],
    lambda content: b"garbage" * 50,
  )
  for damage in damages:
    for name, content in whole.items():
      (tmp_path / name).write_bytes(damage(content))
    said = run()
    assert "is damaged: it is compiled again" in said
    assert "Traceback" not in said
    assert kept().keys() == whole.keys()
  assert run() == ""
