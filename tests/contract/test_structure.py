"""The layout keeps its promises: imports point down, modules stay small."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A module may import what stands before its own place, or beside it in its own
# package.
LAYERS = [
  ["types"],
  [
    "checks",
    "computed_once",
    "fast_convolution",
    "objective",
    "rendezvous",
    "rows",
    "shorten_messages",
  ],
  [
    "identity",
    "joining",
    "lookup",
    "losses",
    "metrics",
    "parallel",
    "ramp",
    "tree",
    "canonical",
    "read_json",
    "whole_file",
  ],
  ["bounded_jit", "first_order", "on_cpu", "kth_largest", "pixels"],
  ["on_host"],
  ["corruptions"],
  ["games", "models", "perturbations", "search", "sequences"],
  ["data"],
  ["adaptation", "attacks", "black_box", "defenses"],
  ["adapters", "statistics"],
  ["evaluation"],
  ["tasks"],
  ["training"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
FILES = sorted((ROOT / "robust_jax").rglob("*.py"))


def _parts(path: pathlib.Path) -> tuple[str, ...]:
  return path.relative_to(ROOT / "robust_jax").with_suffix("").parts


def _imports(path: pathlib.Path) -> set[str]:
  """Parts of robust_jax that a file imports."""
  found = set()
  for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
    if isinstance(node, ast.Import):
      names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module == "robust_jax":
      names = [f"robust_jax.{alias.name}" for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      names = [node.module]
    else:
      continue
    found |= {n.split(".")[1] for n in names if n.startswith("robust_jax.")}
    assert not any(n.split(".")[0] == "experiments" for n in names)
  return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: "/".join(_parts(p)))
def test_imports_point_downward(path):
  own = _parts(path)[0]
  if own == "__init__":
    return
  for other in _imports(path) - {own}:
    same_layer = RANK[other] == RANK[own]
    assert RANK[other] <= RANK[own], f"{own} imports {other}"
    assert not (same_layer and RANK[own] >= 2), f"{own} imports {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: "/".join(_parts(p)))
def test_modules_are_short(path):
  assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_one_file_speaks_of_devices():
  words = ("pmap(", "pmean", "psum")
  for path in FILES:
    text = path.read_text(encoding="utf-8")
    if path.name != "parallel.py":
      assert not any(word in text for word in words), path
    if path.name != "joining.py":
      assert "jax.distributed." not in text, path
