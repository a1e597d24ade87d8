"""A folder of compiled programs, so that the next process compiles nothing."""

import glob
import logging
import os
import pathlib
import re
import stat
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.experimental.compilation_cache import compilation_cache

from robust_jax.files import user_cache

_DAMAGED = re.compile(
  r"Error reading persistent compilation cache entry for '(.+?)'"
)
_SHORTEST = "jax_persistent_cache_min_compile_time_secs"


def enable(directory: str | os.PathLike[str] | None = None) -> pathlib.Path:
  """Keeps all programs that JAX compiles from now on in a folder.

  A program is found there by what it computes, the version of JAX, the device
  and the options of the compiler, so a folder serves many projects. A file that
  a killed process left half written is removed, with a line in the log, and the
  program is compiled again. The command line calls this at its start.

  JAX executes the programs in the folder without checking them, so a user who
  can write there can execute code in your processes. The folder is therefore
  created with access for its owner alone, and one that other users can write is
  refused.

  Args:
    directory: the folder; by default that of the environment variable
      `JAX_COMPILATION_CACHE_DIR`, which is taken as it is, or else
      `~/.cache/robust_jax/xla`, below `XDG_CACHE_HOME` if that is set. Nothing
      is removed from it; delete it as you like.

  Returns:
    The folder.

  Raises:
    ValueError: the folder belongs to another user, or others can write there.
    OSError: it cannot be made.

  Example:
    >>> from robust_jax import compilation_cache
    >>> folder = compilation_cache.enable()
  """
  named = os.environ.get("JAX_COMPILATION_CACHE_DIR")
  if directory is None and named:
    folder = pathlib.Path(named)
  else:
    folder = pathlib.Path(directory or user_cache("xla")).expanduser()
    _make_private(folder)
  jax.config.update("jax_compilation_cache_dir", str(folder))
  if _SHORTEST.upper() not in os.environ:
    # JAX's own bound, a second, leaves out most programs of an attack.
    jax.config.update(_SHORTEST, 0.0)
  # JAX decides at its first compilation whether there is a cache.
  compilation_cache.reset_cache()
  _drop_damaged_programs()
  return folder


def _make_private(folder: pathlib.Path) -> None:
  """Makes the folder if it is missing, and refuses one that is not private."""
  folder.parent.mkdir(parents=True, exist_ok=True)
  folder.mkdir(mode=0o700, exist_ok=True)
  found = folder.stat()
  others = stat.S_IWGRP | stat.S_IWOTH
  if found.st_uid != os.getuid():
    problem = f"belongs to the user of id {found.st_uid}"
    remedy = "Name another folder by JAX_COMPILATION_CACHE_DIR."
  elif found.st_mode & others:
    problem = f"can be written by others (mode {found.st_mode & 0o777:o})"
    remedy = f"Delete it, or run `chmod 700 {folder}` if you trust its files."
  else:
    return
  raise ValueError(
    f"the folder of compiled programs {folder} {problem}: expected one that "
    f"only you can write, since its programs are run. {remedy}"
  )


class _DroppingDamaged(NamedTuple):
  """A `warnings.showwarning` that removes the files JAX warns of.

  JAX does not replace a file that it cannot read.
  """

  show: Callable[..., None]

  def __call__(self, message: Warning | str, *where: Any) -> None:
    damaged = _DAMAGED.match(str(message))
    if damaged is None:
      self.show(message, *where)
    else:
      _drop(damaged[1])


def _drop_damaged_programs() -> None:
  show: Callable[..., None] = warnings.showwarning
  if not isinstance(show, _DroppingDamaged):
    warnings.showwarning = _DroppingDamaged(show)  # type: ignore[assignment]


def _drop(program: str) -> None:
  directory = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
  cache = pathlib.Path(directory)
  # The warning does not say which of the programs of this name it is.
  for file in cache.glob(f"{glob.escape(program)}-*-cache"):
    file.unlink(missing_ok=True)
  logging.getLogger(__name__).warning(
    "a compiled program '%s' in %s is damaged: it is compiled again.",
    program,
    cache,
  )
