"""From a name in a config to the function it means."""

import difflib
import importlib
import importlib.util
import pkgutil
import types
from typing import Any


def find(kind: str | types.ModuleType, name: str) -> Any:
  """The public thing of the module `name` in a package of such things.

  A module is named after its one public function or class, up to case and
  underscores (`small_cnn.py` holds `SmallCNN`), so nothing is registered.

  Args:
    kind: a package of robust_jax: "search", "perturbations", "models", ...;
      or a module of functions such as "losses"; or any package or module
      itself.
    name: a member's name, or `"package.module:function"` for anything
      importable.

  Raises:
    ValueError: there is no such thing; the nearest names are given.
  """
  if imported_module(name):
    return _import_path(name)
  home = _home(kind)
  known = members(home)
  if not hasattr(home, "__path__"):
    return _attribute(home, name, known, home.__name__)
  if name not in known:
    raise ValueError(_unknown(name, known, home.__name__))
  module = importlib.import_module(f"{home.__name__}.{name}")
  return next(
    value
    for attr, value in vars(module).items()
    if _plain(attr) == _plain(name)
  )


def imported_module(name: str) -> str | None:
  """The module of a `"package.module:function"`; None for any other text."""
  module, _, function = name.partition(":")
  parts = [*module.split("."), function]
  return module if all(part.isidentifier() for part in parts) else None


def members(kind: str | types.ModuleType) -> list[str]:
  """Every name that `find(kind, ...)` knows, sorted."""
  home = _home(kind)
  if not hasattr(home, "__path__"):
    return sorted(
      attribute
      for attribute, value in vars(home).items()
      if getattr(value, "__module__", None) == home.__name__
      and not attribute.startswith("_")
    )
  return sorted(
    name
    for _, name, _ in pkgutil.iter_modules(home.__path__)
    if not name.startswith("_") and _names_its_content(home, name)
  )


def _home(kind: str | types.ModuleType) -> types.ModuleType:
  if isinstance(kind, types.ModuleType):
    return kind
  if importlib.util.find_spec(f"robust_jax.{kind}") is None:
    raise ValueError(f"robust_jax has no part named '{kind}'.")
  return importlib.import_module(f"robust_jax.{kind}")


def _names_its_content(home: Any, name: str) -> bool:
  module = importlib.import_module(f"{home.__name__}.{name}")
  return any(
    _plain(attribute) == _plain(name)
    and getattr(value, "__module__", None) == module.__name__
    for attribute, value in vars(module).items()
  )


def _import_path(path: str) -> Any:
  module_name, _, attribute = path.partition(":")
  try:
    module = importlib.import_module(module_name)
  except ModuleNotFoundError as error:
    if error.name and not module_name.startswith(error.name):
      raise  # the module is there; something that it imports is not
    raise ValueError(
      f"'{path}': no module named '{module_name}' can be imported. Give "
      "'package.module:function', with the package's folder on PYTHONPATH."
    ) from error
  names = [n for n in vars(module) if not n.startswith("_")]
  return _attribute(module, attribute, names, module_name)


def _attribute(module: Any, name: str, names: list[str], where: str) -> Any:
  if name not in names:
    raise ValueError(_unknown(name, names, where))
  return getattr(module, name)


def _unknown(name: str, names: list[str], where: str) -> str:
  near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
  if near:
    hint = "did you mean " + " or ".join(f"'{n}'" for n in near) + "?"
  else:
    hint = "it has " + ", ".join(names) + "."
  return f"there is no '{name}' in {where}; {hint}"


def _plain(name: str) -> str:
  return name.replace("_", "").lower()
