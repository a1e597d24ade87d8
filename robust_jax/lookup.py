"""Finds the members of packages by the names that configs use."""

import difflib
import importlib
import importlib.util
import re
import types
from typing import Any


def find(kind: str | types.ModuleType, name: str) -> Any:
  """Finds the member of a package that a config names.

  The members of a package, or of a module of functions, are those listed in its
  `__all__`, which is the only registry.

  Args:
    kind: a package of robust_jax, such as "search", "perturbations" or
      "models"; a module of functions, such as "scores"; or a package or module
      itself.
    name: name of a member, up to case and underscores ("small_cnn" is
      SmallCNN), behind that of a package within the package if it is there, as
      in "detection.vanish", or `"package.module:function"` for anything
      importable.

  Raises:
    ValueError: the name is no text, or there is no such member; the message
      gives similar names.

  Example:
    >>> from robust_jax import lookup
    >>> lookup.find("models", "small_cnn").__name__
    'SmallCNN'
  """
  if not isinstance(name, str):
    raise ValueError(
      f"{name!r}: expected a name, or 'package.module:function', as text."
    )
  if imported_module(name):
    return import_function(name)
  home, own_name = _home(kind), name
  while "." in own_name:
    part, _, own_name = own_name.partition(".")
    home = _part(home, part)
  for value in _registered(home):
    if _plain(value.__name__) == _plain(own_name):
      return value
  raise ValueError(_unknown(own_name, members(home), home.__name__))


def imported_module(name: str) -> str | None:
  """The module in `"package.module:function"`; None for any other text."""
  module, _, function = name.partition(":")
  parts = [*module.split("."), function]
  return module if all(part.isidentifier() for part in parts) else None


def members(kind: str | types.ModuleType) -> list[str]:
  """All names that `find(kind, ...)` knows, sorted.

  A function has its own name. A class has its name in snake case, or the name
  of its module if the two differ only in underscores.

  Example:
    >>> from robust_jax import lookup
    >>> lookup.members("scores")
    ['accuracy', 'center_iou', 'pixel_accuracy']
  """
  return sorted(map(_config_name, _registered(_home(kind))))


def _home(kind: str | types.ModuleType) -> types.ModuleType:
  if isinstance(kind, types.ModuleType):
    return kind
  if importlib.util.find_spec(f"robust_jax.{kind}") is None:
    raise ValueError(f"robust_jax has no part named '{kind}'.")
  return importlib.import_module(f"robust_jax.{kind}")


def _part(home: types.ModuleType, name: str) -> types.ModuleType:
  """Returns a package with members within a package."""
  inner = f"{home.__name__}.{name}"
  if not name.isidentifier() or importlib.util.find_spec(inner) is None:
    raise ValueError(f"there is no package '{name}' in {home.__name__}.")
  return importlib.import_module(inner)


def _registered(home: types.ModuleType) -> list[Any]:
  return [getattr(home, name) for name in home.__all__]


def _config_name(value: Any) -> str:
  if not isinstance(value, type):
    return value.__name__
  module = value.__module__.rpartition(".")[2]
  if _plain(module) == _plain(value.__name__):
    return module
  return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", value.__name__).lower()


def import_function(path: str) -> Any:
  """Imports the function that `"package.module:function"` names.

  Raises:
    ValueError: there is no such module, or no such function in it.
  """
  module_name, _, attribute = path.partition(":")
  try:
    module = importlib.import_module(module_name)
  except ModuleNotFoundError as error:
    if error.name and not module_name.startswith(error.name):
      raise  # the module exists; something that it imports does not
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
