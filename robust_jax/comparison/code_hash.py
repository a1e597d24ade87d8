"""By what it is seen that code has changed."""

import ast
import hashlib
import pathlib
import sys
import sysconfig
from collections.abc import Iterator

_OWN = pathlib.Path(__file__).parents[1]
_INSTALLED = tuple(
  pathlib.Path(path).resolve()
  for name, path in sysconfig.get_paths().items()
  if "lib" in name
)


def code_hash(*modules: str) -> str:
  """16 hexadecimal digits of the code of modules, and of what they import.

  Followed are imports of this project and of what lies beside it; installed
  packages are known by their versions. No code runs.

  Args:
    *modules: names; that of a package stands for all modules in it.
  """
  roots = _roots()
  files: dict[str, pathlib.Path | None] = {}
  left = [name for module in modules for name in _with_members(module, roots)]
  while left:
    name = left.pop()
    if name not in files:
      files[name] = file = _file(name, roots)
      left += [] if file is None else _imported(name, file)
  digest = hashlib.sha256()
  for name, file in sorted(files.items()):
    if file is not None:
      digest.update(name.encode() + file.read_bytes())
  return digest.hexdigest()[:16]


def _roots() -> list[pathlib.Path]:
  """Where modules are found that are not installed, and ours."""
  places = [pathlib.Path(place).resolve() for place in sys.path]
  beside = [p for p in places if not any(map(p.is_relative_to, _INSTALLED))]
  return list(dict.fromkeys([_OWN.parent, *beside]))


def _with_members(module, roots) -> list[str]:
  folders = [root.joinpath(*module.split(".")) for root in roots]
  names = sorted({f.stem for folder in folders for f in folder.glob("*.py")})
  return [module, *(f"{module}.{name}" for name in names)]


def _file(name, roots) -> pathlib.Path | None:
  """Of a module, found without importing it or the package it is in."""
  for root in roots:
    place = root.joinpath(*name.split("."))
    for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
      if file.is_file():
        return file
  return None


def _imported(name: str, file: pathlib.Path) -> Iterator[str]:
  package = name.split(".")
  if file.stem != "__init__":
    package = package[:-1]
  for node in ast.walk(_tree(file)):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      above = package[: len(package) - node.level + 1] if node.level else []
      base = ".".join([*above, *filter(None, [node.module])])
      yield base
      yield from (f"{base}.{alias.name}" for alias in node.names)


def _tree(file: pathlib.Path) -> ast.Module:
  try:
    return ast.parse(file.read_bytes())
  except SyntaxError:  # for another Python
    return ast.Module([], [])
