"""Installation by `pip install .`: data files, dependencies, the command."""

import importlib
import pathlib
import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import robust_jax
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


def test_the_version_is_stated_once_and_repeated_truly():
  assert "version" in PYPROJECT["project"]["dynamic"]
  attribute = SETUPTOOLS["dynamic"]["version"]["attr"]
  module, name = attribute.rsplit(".", 1)
  version = getattr(importlib.import_module(module), name)
  assert version == robust_jax.__version__ == str(Version(version))
  citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
  assert citation["version"] == version
  newest = re.search(
    r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
  )
  assert newest[1] == version


def test_the_license_is_the_one_that_is_named():
  (file,) = PYPROJECT["project"]["license-files"]
  text = (ROOT / file).read_text("utf-8")
  assert "Apache License\n                           Version 2.0" in text
  citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
  assert PYPROJECT["project"]["license"] == citation["license"] == "Apache-2.0"


def test_hooks_run_what_continuous_integration_runs():
  hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
  (local,) = hooks["repos"]
  commands = {one["entry"]: one.get("stages") for one in local["hooks"]}
  assert commands.pop(".ci/run") == ["pre-push"]
  assert (
    (ROOT / ".ci" / "run").read_text("utf-8").endswith("./launch.sh test\n")
  )
  script = (ROOT / "launch.sh").read_text("utf-8")
  tests = re.search(r"  test\)\n(.*?);;", script, re.DOTALL)[1]
  linters = [line.strip() for line in tests.splitlines() if ".venv" in line]
  assert [*commands] == [line for line in linters if "pytest" not in line]


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
