"""Docstrings of public members: each has an Example, and every Example runs."""

import doctest
import importlib
import inspect
import pathlib
import re
import types

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Packages and modules whose `__all__` is a registry of public members.
REGISTRIES = sorted(
  ".".join(
    path.relative_to(ROOT / "robust_jax").with_suffix("").parts
  ).removesuffix(".__init__")
  for path in (ROOT / "robust_jax").rglob("*.py")
  if re.search(r"^__all__ = ", path.read_text(encoding="utf-8"), re.MULTILINE)
)
MODULES = sorted(
  ".".join(path.relative_to(ROOT).with_suffix("").parts)
  for path in (ROOT / "robust_jax").rglob("*.py")
  if ">>> " in path.read_text(encoding="utf-8")
)


def _members(registry: str) -> list[tuple[str, object]]:
  home = importlib.import_module(f"robust_jax.{registry}")
  return [(name, getattr(home, name)) for name in home.__all__]


MEMBERS = {
  f"{registry}.{name}": value
  for registry in REGISTRIES
  for name, value in _members(registry)
  if not isinstance(value, types.ModuleType)
}


@pytest.mark.parametrize("name", MEMBERS)
def test_every_member_has_an_example(name):
  text = inspect.getdoc(MEMBERS[name]) or ""
  _, _, example = text.partition("\nExample:\n")
  assert ">>> " in example, (
    f"the docstring of {name} has no section `Example:` with lines of doctest"
  )


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module):
  found = doctest.testmod(
    importlib.import_module(module),
    optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
  )
  assert found.failed == 0
