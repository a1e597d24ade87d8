"""Functions outside the project that a config names, and who may name them.

What a person types or writes in a config file may name any function that can be
imported. A file that somebody else may have written, such as the `config.json`
of a run, may not: it would say what runs on the reader's machine.
"""

import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from robust_jax import lookup

FLAG = "allow_imports"
HELP = (
  "modules of your own whose functions the config.json of a run may name; one "
  "that somebody else wrote could name any function."
)


def define_flag(values: flags.FlagValues) -> None:
  """Adds the flag `--allow_imports=MODULE,...`."""
  flags.DEFINE_list(FLAG, [], HELP, flag_values=values)


def named_modules(values: Any) -> set[str]:
  """Modules of every `"package.module:function"` in nested values."""
  return {lookup.imported_module(text) for text in _import_paths(values)}


def refuse_imports(
  values: Any, allowed: Iterable[str], file: pathlib.Path
) -> None:
  """Checks nested values that were read from a file, before they are used.

  Args:
    values: of the file; keys of mappings count as well.
    allowed: modules, and packages with all their modules, that may be named.
    file: for the message.

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
