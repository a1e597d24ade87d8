"""Checks of the functions outside the project that a config names.

Command lines and config files of the user may name any function that can be
imported. Files that somebody else may have written, such as the `config.json`
of a run, may not, because they would decide what runs on the reader's machine.
"""

import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from robust_jax import lookup

FLAG = "allow_imports"
HELP = (
  "modules of your own whose functions the config.json of a run may name. A "
  "file that somebody else wrote could otherwise run any function."
)


def define_flag(values: flags.FlagValues) -> None:
  """Adds the flag `--allow_imports=MODULE,...`."""
  flags.DEFINE_list(FLAG, [], HELP, flag_values=values)


def named_modules(values: Any) -> set[str]:
  """Returns the modules of all `"package.module:function"` in nested values."""
  modules = map(lookup.imported_module, _import_paths(values))
  return {module for module in modules if module}


def refuse_imports(
  values: Any, allowed: Iterable[str], file: pathlib.Path
) -> None:
  """Checks the functions named in nested values that were read from a file.

  Args:
    values: values of the file; keys of mappings are checked too.
    allowed: modules, and packages with all their modules, that may be named.
    file: path of the file, for the message.

  Raises:
    ValueError: a `"package.module:function"` is of another module.
  """
  for text in _import_paths(values):
    module = lookup.imported_module(text)
    if not any(f"{module}.".startswith(f"{name}.") for name in allowed):
      raise ValueError(
        f"{file} names '{text}', which would be imported and called: if you "
        f"trust that module, give --{FLAG}={module}."
      )


def _import_paths(values: Any) -> Iterator[str]:
  if isinstance(values, str):
    if lookup.imported_module(values):
      yield values
  elif isinstance(values, Mapping | ConfigDict):
    for item in values.items():
      yield from _import_paths(item)
  elif isinstance(values, Sequence):
    for value in values:
      yield from _import_paths(value)
