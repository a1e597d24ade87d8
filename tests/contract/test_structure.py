"""The layout keeps its promises: imports point down, modules stay small."""

import ast
import functools
import graphlib
import importlib
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A module may import what stands before its own place, or beside it in its own
# package.
LAYERS = [
  ["types"],
  [
    "boxes",
    "cells",
    "checks",
    "compilation_cache",
    "compile_ahead",
    "distributed",
    "files",
    "flop",
    "objective",
    "precision",
    "rewritten",
    "xla_cpu",
  ],
  [
    "bounded_jit",
    "fingerprint",
    "lookup",
    "losses",
    "metrics",
    "parallel",
    "schedules",
    "scores",
    "statistics",
    "tree",
  ],
  ["as_numpy_fn", "saved_state"],
  ["adversarial_losses", "corruptions", "games", "models", "perturbations"],
  ["search"],
  ["attacks", "black_box", "text"],
  ["adaptation", "augmentation", "certificates", "defenses"],
  ["data", "evaluators", "gradients", "training_losses"],
  ["tasks"],
  ["training"],
  ["gradient_masking", "plotting", "probes"],
  ["comparison"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# Modules under 30 lines, and why they have no neighbor to be merged with.
SMALL = {
  "adaptation/source_only": "a member of its package, as every alignment is",
  "corruptions/sequences/suites": "names of a published benchmark",
  "corruptions/sliding_windows": "for corruptions and augmentations alike",
  "data/builders/cifar10_15k": "a builder is found by its module's name",
  "data/builders/cifar10_raw": "a builder is found by its module's name",
  "gradients/identity": "a member of its package, as every transform is",
  "xla_cpu/materialize": "the remedy for one habit of XLA's CPU compiler",
}
FILES = sorted((ROOT / "robust_jax").rglob("*.py"))
COMMANDS = sorted((ROOT / "experiments").rglob("*.py"))


def _parts(path: pathlib.Path) -> tuple[str, ...]:
  return path.relative_to(ROOT / "robust_jax").with_suffix("").parts


@functools.cache
def _imports(path: pathlib.Path) -> frozenset[str]:
  """The imports of a file, `lookup` by a string included: a.b.c, or more."""
  found = set()
  for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
    if isinstance(node, ast.Import):
      found |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      found |= {f"{node.module}.{alias.name}" for alias in node.names}
    elif isinstance(node, ast.Call) and _is_lookup(node.func):
      found |= _looked_up(node.args[0], path)
  return frozenset(found)


def _is_lookup(called: ast.expr) -> bool:
  return ast.unparse(called) in ("lookup.find", "lookup.members")


def _looked_up(kind: ast.expr, path: pathlib.Path) -> set[str]:
  if isinstance(kind, ast.Constant):
    return {f"robust_jax.{kind.value}"}
  module = importlib.import_module(_name(path))
  value = getattr(module, ast.unparse(kind), None)
  if isinstance(value, str):
    return {f"robust_jax.{value}"}
  # A package is imported as well; `experiments` may look up anything else.
  is_above = path in COMMANDS
  assert is_above, f"{path}: lookup of {ast.unparse(kind)}, expected a constant"
  return set()


def _name(path: pathlib.Path) -> str:
  parts = path.relative_to(ROOT).with_suffix("").parts
  return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", FILES, ids=lambda p: "/".join(_parts(p)))
def test_imports_point_downward(path):
  own = _parts(path)[0]
  imported = [name.split(".") for name in _imports(path)]
  assert not any(parts[0] == "experiments" for parts in imported)
  if own == "__init__":
    return
  others = {p[1] for p in imported if p[0] == "robust_jax" and len(p) > 1}
  for other in others - {own}:
    same_layer = RANK[other] == RANK[own]
    assert RANK[other] <= RANK[own], f"{own} imports {other}"
    assert not (same_layer and RANK[own] >= 2), f"{own} imports {other}"


def test_commands_import_each_other_in_no_circle():
  """A package counts as all of its modules: they may be looked up by name.

  A module may import its own package, which imports it.
  """
  names = {_name(path): path for path in COMMANDS}
  needs = {
    name: {
      other
      for imported in _imports(path)
      for other in names
      if not f"{name}.".startswith(f"{other}.")
      and (
        f"{imported}.".startswith(f"{other}.")
        or f"{other}.".startswith(f"{imported}.")
      )
    }
    for name, path in names.items()
  }
  graphlib.TopologicalSorter(needs).prepare()


def test_helpers_with_an_underscore_stay_in_their_package():
  for path in [*FILES, *COMMANDS]:
    package = ".".join(path.parent.relative_to(ROOT).parts)
    for name in _imports(path):
      parts = name.split(".")
      private = [i for i, part in enumerate(parts) if part.startswith("_")]
      if private and parts[0] in ("robust_jax", "experiments"):
        home = ".".join(parts[: private[0]])
        assert f"{package}.".startswith(f"{home}."), f"{path} imports {name}"


def _length(path: pathlib.Path) -> int:
  return len(path.read_text(encoding="utf-8").splitlines())


def test_modules_have_300_lines_at_most():
  assert [p for p in [*FILES, *COMMANDS] if _length(p) > 300] == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: "/".join(_parts(p)))
def test_modules_are_not_crumbs(path):
  length = _length(path)
  if path.name != "__init__.py":
    small = "/".join(_parts(path)) in SMALL
    assert small == (length < 30), f"{length} lines"


def test_small_modules_that_are_named_exist():
  assert {"/".join(_parts(path)) for path in FILES} >= SMALL.keys()


def test_folders_hold_25_modules_at_most():
  for folder in {path.parent for path in [*FILES, *COMMANDS]}:
    modules = [p for p in folder.glob("*.py") if p.name != "__init__.py"]
    assert len(modules) <= 25, folder


def test_one_file_speaks_of_devices():
  words = ("pmap(", "pmean", "psum")
  for path in FILES:
    text = path.read_text(encoding="utf-8")
    if path.name != "parallel.py":
      assert not any(word in text for word in words), path
    if path.name != "join.py":
      assert "jax.distributed." not in text, path
