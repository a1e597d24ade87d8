"""Set-up of the XLA compiler and its cache, for all commands."""

import glob
import importlib.metadata
import logging
import os
import pathlib
import re
import warnings

import jax

from robust_jax.files import user_cache

_DAMAGED = re.compile(
  r"Error reading persistent compilation cache entry for '(.+?)'"
)


def set_up_compiler() -> None:
  """Selects fast CPU kernels and a cache of compiled programs.

  It has to be called before anything is compiled. `XLA_FLAGS` and
  `JAX_COMPILATION_CACHE_DIR` take precedence.
  """
  _choose_cpu_kernels()
  _cache_compilations()
  _drop_damaged_programs()


def _choose_cpu_kernels():
  """Disables slow convolutions of jaxlib 0.10 on CPUs.

  Its fusion of convolutions into YNNPACK hardly uses a second core, and is
  eight times slower without padding (docs/performance.md).
  """
  if importlib.metadata.version("jaxlib").startswith("0.10."):
    flag = "--xla_cpu_experimental_ynn_fusion_type=individual_dot"
    os.environ.setdefault("XLA_FLAGS", flag)


def _cache_compilations():
  """Caches compiled programs, by default in the user's cache directory."""
  if "JAX_COMPILATION_CACHE_DIR" in os.environ:
    return
  jax.config.update("jax_compilation_cache_dir", str(user_cache("xla")))


def _drop_damaged_programs():
  """Removes damaged programs from the cache, so that they are cached again.

  A process that is killed while it writes leaves such a file. JAX only warns,
  and does not replace the file.
  """
  show = warnings.showwarning

  def show_or_drop(message, *where):
    damaged = _DAMAGED.match(str(message))
    if damaged is None:
      show(message, *where)
    else:
      _drop(damaged[1])

  warnings.showwarning = show_or_drop


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
