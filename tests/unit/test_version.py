"""`version` says what an issue needs: versions, commit, devices, settings."""

import importlib.metadata
import subprocess

import jax
import pytest

import robust_jax
from experiments.cli import version
from tests.unit.command_line import command_line


@pytest.fixture
def checkout(tmp_path, monkeypatch):
  """A checkout of one commit, in which the project is supposed to be."""
  monkeypatch.setattr(version, "_ROOT", tmp_path)
  (tmp_path / "file").write_text("one")
  for command in (
    ["init", "-q"],
    ["add", "file"],
    ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one"],
  ):
    subprocess.run(["git", *command], cwd=tmp_path, check=True)
  return tmp_path


def test_what_is_printed_can_be_pasted(capsys, monkeypatch):
  monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
  assert command_line("version") == 0
  lines = capsys.readouterr().out.splitlines()
  assert all(line.startswith("- ") for line in lines)
  assert lines[0].startswith(f"- robust_jax {robust_jax.__version__}")
  for name in ("jax", "flax", "optax"):
    assert f"- {name} {importlib.metadata.version(name)}" in lines
  assert f"- devices: {len(jax.devices())} x cpu (cpu)" in lines
  assert "- XLA_FLAGS=--xla_cpu_enable_fast_math=false" in lines


def test_the_commit_is_that_of_the_checkout(checkout):
  head = subprocess.run(
    ["git", "rev-parse", "--short", "HEAD"],
    cwd=checkout,
    capture_output=True,
    text=True,
    check=True,
  ).stdout.strip()
  assert version._commit() == f", commit {head}"
  (checkout / "file").write_text("two")
  assert version._commit() == f", commit {head} and changes"


def test_without_a_checkout_there_is_no_commit(checkout, monkeypatch):
  inside = checkout / "venv"
  inside.mkdir()
  monkeypatch.setattr(version, "_ROOT", inside)
  assert version._commit() == ""


def test_more_arguments_are_refused(capsys):
  assert command_line("version", "now") == 2
  assert "unexpected 'now'" in capsys.readouterr().err
