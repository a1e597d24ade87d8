"""Compiled programs that are kept: who may write them, and damaged ones."""

import os
import pathlib
import stat
import subprocess
import sys

import pytest

from robust_jax import compilation_cache
from tests.unit.command_line import command_line

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Prints how many programs were asked for, and how many of them were found.
PROGRAM = """
import collections, sys
import jax, jax.numpy as jnp
from robust_jax import attacks, compilation_cache, losses, perturbations, search

jnp.ones(3) + 1  # before there is a cache
folder = compilation_cache.enable(*sys.argv[1:])
counts = collections.Counter()
listen = lambda event, **_: counts.update([event.rsplit("/", 1)[-1]])
jax.monitoring.register_event_listener(listen)
attack = attacks.compose(
  search.pgd, perturbations.linf(0.5), losses.cross_entropy, num_steps=2
)
x, y = jnp.full((4, 3), 0.5), jnp.zeros(4, int)
model = jax.tree_util.Partial(lambda w, x: x @ w, jnp.eye(3))
x_adv = attack(jax.random.key(0), model, x, y)
assert (x_adv[:, 0] < x[:, 0]).all()
print(folder, counts["compile_requests_use_cache"], counts["cache_hits"])
"""


def run(*arguments, **environment):
  """The folder, programs asked for and found there, and standard error."""
  kept = {k: v for k, v in os.environ.items() if "_CACHE_" not in k}
  result = subprocess.run(
    [sys.executable, "-c", PROGRAM, *map(str, arguments)],
    cwd=ROOT,
    env=kept | {"JAX_PLATFORMS": "cpu"} | environment,
    capture_output=True,
    text=True,
    check=True,
  )
  folder, asked, found = result.stdout.split()
  return pathlib.Path(folder), int(asked), int(found), result.stderr


def test_a_second_process_compiles_nothing(tmp_path):
  cache = {"XDG_CACHE_HOME": str(tmp_path)}
  folder, asked, found, said = run(**cache)
  assert folder == tmp_path / "robust_jax" / "xla"
  assert stat.S_IMODE(folder.stat().st_mode) == 0o700
  assert found < asked  # two programs of the same content count as one
  assert said == ""
  assert run(**cache) == (folder, asked, asked, "")


def test_a_damaged_program_is_dropped_and_written_anew(tmp_path):
  def kept():
    return {file.name: file.read_bytes() for file in tmp_path.glob("*-cache")}

  cache = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path)}
  _, asked, found, _ = run(**cache)
  whole = kept()
  assert len(whole) == asked - found
  for i, (name, content) in enumerate(whole.items()):
    damaged = content[: len(content) // 2] if i % 2 else b"garbage" * 50
    (tmp_path / name).write_bytes(damaged)
  *_, said = run(**cache)
  assert "is damaged: it is compiled again" in said
  assert "Traceback" not in said
  assert kept().keys() == whole.keys()
  assert run(**cache) == (tmp_path, asked, asked, "")


def test_a_folder_is_named_by_the_call_before_the_environment(tmp_path):
  named, other = tmp_path / "named", tmp_path / "other"
  folder, asked, found, _ = run(named, JAX_COMPILATION_CACHE_DIR=str(other))
  assert folder == named
  assert len(list(named.glob("*-cache"))) == asked - found > 0


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o702])
def test_a_folder_that_others_can_write_is_refused(tmp_path, mode):
  folder = tmp_path / "cache"
  folder.mkdir()
  folder.chmod(mode)
  with pytest.raises(ValueError, match=r"can be written by others \(mode 7"):
    compilation_cache.enable(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_folder_of_another_user_is_refused(tmp_path):
  os.chown(tmp_path, 12345, -1)
  with pytest.raises(ValueError, match="belongs to the user of id 12345"):
    compilation_cache.enable(tmp_path)


def test_a_command_refuses_it_in_one_line(tmp_path, monkeypatch, capsys):
  monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  folder = tmp_path / "robust_jax" / "xla"
  folder.mkdir(parents=True)
  folder.chmod(0o777)
  assert command_line("version") == 2
  (said,) = capsys.readouterr().err.splitlines()
  assert said.startswith(f"error: the folder of compiled programs {folder} can")
