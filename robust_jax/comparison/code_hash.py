"""Content hash of source files, used to invalidate stored predictions."""

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
# Those of a user, of the system below a virtual environment, or of another one.
_PACKAGES = {"site-packages", "dist-packages"}


def code_hash(*modules: str) -> str:
  """Hashes the source code of modules and of the modules they import.

  Imports are followed within this project and beside it; installed packages are
  represented by their versions elsewhere. No code is executed.

  Args:
    *modules: names of modules; a package stands for all modules in it.

  Returns:
    16 hexadecimal digits.

  Example:
    >>> from robust_jax.comparison.code_hash import code_hash
    >>> len(code_hash("robust_jax.checks"))
    16
  """
  roots = _roots()
  files: dict[str, pathlib.Path | None] = {}
  members = [_with_members(module, roots) for module in modules]
  pending = [name for names in members for name in names]
  while pending:
    name = pending.pop()
    if name not in files:
      files[name] = file = _file(name, roots)
      pending += [] if file is None else _imported(name, file)
  digest = hashlib.sha256()
  for name, file in sorted(files.items()):
    if file is not None:
      digest.update(name.encode() + file.read_bytes())
  return digest.hexdigest()[:16]


def _roots() -> list[pathlib.Path]:
  """Returns the folders in which modules that are not installed are found."""
  places = dict.fromkeys(pathlib.Path(place).resolve() for place in sys.path)
  return [place for place in places if not _is_installed(place)]


def _is_installed(place: pathlib.Path) -> bool:
  inside = any(map(place.is_relative_to, _INSTALLED))
  return inside or not _PACKAGES.isdisjoint(place.parts)


def _places(name, roots) -> list[pathlib.Path]:
  """Returns where a module or a package may be; ours may be installed."""
  parts = name.split(".")
  own = [_OWN.parent] if parts[0] == _OWN.name else []
  return [root.joinpath(*parts) for root in (*own, *roots)]


def _with_members(module, roots) -> list[str]:
  folders = _places(module, roots)
  names = sorted({f.stem for folder in folders for f in folder.glob("*.py")})
  return [module, *(f"{module}.{name}" for name in names)]


def _file(name, roots) -> pathlib.Path | None:
  """Returns the file of a module without importing it or its package."""
  for place in _places(name, roots):
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
  except SyntaxError:  # source for another version of Python
    return ast.Module([], [])
