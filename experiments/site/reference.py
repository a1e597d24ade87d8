"""Pages of the reference: one for each public package of robust_jax.

A page shows the members in the package's `__all__`, and then every public
module with what else it defines, so that everything is on one page and on no
other. Names with an underscore are private. The code is read, not imported.
"""

import ast
import functools
import itertools
import pathlib
from collections.abc import Sequence

from experiments.cli.catalogue import ROOT, first_sentence

_PACKAGE = ROOT / "robust_jax"
_Definition = ast.FunctionDef | ast.ClassDef


def packages() -> list[str]:
  """Public packages by their full names, `robust_jax` first."""
  inits = _PACKAGE.rglob("__init__.py")
  return sorted(_name(path.parent) for path in inits if _is_public(path.parent))


def modules(package: str) -> list[str]:
  """Public modules of a package, without those of packages within it."""
  folder = ROOT.joinpath(*package.split("."))
  return sorted(_name(path) for path in folder.glob("*.py") if _is_public(path))


def title(name: str) -> str:
  """The name by which `lookup` and the catalogue know a package or module."""
  return name.removeprefix("robust_jax.")


def page_of(package: str) -> str:
  """The page of a package, relative to docs/."""
  return f"reference/{title(package)}.md"


def page(package: str) -> str:
  """The Markdown of a page, which mkdocstrings expands."""
  members = exported(package)
  parts = [f"# {title(package)}", _shown(package)]
  if members:
    rows = [
      f"| [`{name}`][{path}] | {_first_sentence(path)} |"
      for name, path in members.items()
    ]
    parts += [
      "## Members",
      "\n".join(["| name | purpose |", "|---|---|", *rows]),
    ]
    own = [path for path in members.values() if _homes()[path] == package]
    parts += [_shown(path, heading=True) for path in own]
  for module in modules(package):
    names = [n for n in defined(module) if f"{module}.{n}" not in _homes()]
    if names:
      parts += [f"## {title(module)}", _shown(module, names)]
  return "\n\n".join(parts) + "\n"


def exported(package: str) -> dict[str, str]:
  """The names in `__all__` -> where they are defined, modules left out."""
  body = _tree(package).body
  imported = {
    alias.asname or alias.name: f"{node.module}.{alias.name}"
    for node in body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
  }
  found = {
    name: imported.get(name, f"{package}.{name}")
    for node in body
    if isinstance(node, ast.Assign)
    and ast.unparse(node.targets[0]) == "__all__"
    for name in ast.literal_eval(node.value)
  }
  return {name: path for name, path in found.items() if not _files(path)}


@functools.cache
def _homes() -> dict[str, str]:
  """Definition -> the package that exports it, its own one if several do."""
  found: dict[str, str] = {}
  for package in packages():
    for path in exported(package).values():
      if path not in found or path.startswith(f"{package}."):
        found[path] = package
  return found


def defined(module: str) -> list[str]:
  """Public functions, classes and documented values that a module defines."""
  body = _tree(module).body
  values = [
    ast.unparse(node.targets[0])
    for node, after in itertools.pairwise(body)
    if isinstance(node, ast.Assign) and _is_text(after)
  ]
  names = [node.name for node in body if isinstance(node, _Definition)]
  return [name for name in names + values if not name.startswith("_")]


def undocumented(name: str) -> list[str]:
  """Public definitions of a package or module that have no docstring."""
  nodes = [n for n in _tree(name).body if isinstance(n, _Definition)]
  bare = [node.name for node in nodes if not ast.get_docstring(node)]
  public = [name for name in bare if not name.startswith("_")]
  return public if ast.get_docstring(_tree(name)) else [name, *public]


def _shown(
  name: str, members: Sequence[str] = (), *, heading: bool = False
) -> str:
  """A directive of mkdocstrings; without a heading, members have theirs."""
  options = [f"show_root_heading: {str(heading).lower()}", "heading_level: 3"]
  if not heading:
    options += [f"members: {[*members] or 'false'}"]
  lines = [f"::: {name}", "    options:", *("      " + o for o in options)]
  return "\n".join(lines)


def _first_sentence(definition: str) -> str:
  module, _, name = definition.rpartition(".")
  found = [
    node
    for node in _tree(module).body
    if isinstance(node, _Definition) and node.name == name
  ]
  return first_sentence(ast.get_docstring(found[0]) or "") if found else ""


@functools.cache
def _tree(name: str) -> ast.Module:
  (file,) = _files(name)
  return ast.parse(file.read_text(encoding="utf-8"))


def _files(name: str) -> list[pathlib.Path]:
  """The file of a package or module; none if the name is of neither."""
  path = ROOT.joinpath(*name.split("."))
  files = (path.with_suffix(".py"), path / "__init__.py")
  return [file for file in files if file.is_file()]


def _is_text(node: ast.stmt) -> bool:
  return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_public(path: pathlib.Path) -> bool:
  parts = path.relative_to(_PACKAGE).parts
  return not any(part.startswith("_") for part in parts)


def _name(path: pathlib.Path) -> str:
  return ".".join(path.relative_to(ROOT).with_suffix("").parts)
