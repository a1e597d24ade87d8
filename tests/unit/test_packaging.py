"""Installation by `pip install .`: data files, dependencies, the command."""

import importlib
import pathlib
import tomllib

import pytest
from packaging.requirements import Requirement

from experiments import main
from experiments.cli import parse_flags
from experiments.configs.adversarial import digits_pgd

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
DATA_FILES = [
  path
  for package in ("robust_jax", "experiments")
  for path in sorted((ROOT / package).rglob("*.*"))
  if path.suffix not in (".py", ".pyc")
]


@pytest.mark.parametrize("path", DATA_FILES, ids=lambda p: p.name)
def test_a_wheel_contains_every_data_file(path):
  patterns = [
    pathlib.PurePath(*package.split("."), glob)
    for package, globs in SETUPTOOLS["package-data"].items()
    for glob in globs
  ]
  inside = path.relative_to(ROOT)
  assert any(
    inside.match(str(p)) and len(inside.parts) == len(p.parts) for p in patterns
  )


def test_the_dependencies_of_a_wheel_are_those_of_requirements_txt():
  assert "dependencies" in PYPROJECT["project"]["dynamic"]
  assert SETUPTOOLS["dynamic"]["dependencies"] == {"file": ["requirements.txt"]}
  for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines():
    if not line.startswith("#"):
      assert Requirement(line).specifier  # pinned


def test_the_installed_command_is_that_of_launch_sh():
  module, function = PYPROJECT["project"]["scripts"]["robust-jax"].split(":")
  assert getattr(importlib.import_module(module), function) is main.command


def test_own_configs_are_found_from_every_directory(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  path = "experiments/configs/adversarial/digits_pgd.py"
  assert parse_flags.load_config(path) == digits_pgd.get_config()
  (tmp_path / path).parent.mkdir(parents=True)
  (tmp_path / path).write_text("get_config = lambda: 'of this directory'")
  assert parse_flags.load_config(path) == "of this directory"
