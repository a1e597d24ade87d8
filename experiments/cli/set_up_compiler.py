"""How programs are compiled, by whichever command."""

import glob
import importlib.metadata
import logging
import os
import pathlib
import re
import warnings

import jax

_DAMAGED = re.compile(
  r"Error reading persistent compilation cache entry for '(.+?)'"
)


def set_up_compiler() -> None:
  """Chooses fast kernels and keeps what is compiled; before anything is.

  What `XLA_FLAGS` and `JAX_COMPILATION_CACHE_DIR` say goes before.
  """
  _choose_cpu_kernels()
  _cache_compilations()
  _drop_damaged_programs()


def _choose_cpu_kernels():
  """Keeps jaxlib 0.10 from its slow way with convolutions on a CPU.

  Its fusion of convolutions into YNNPACK hardly uses a second core, and takes
  eight times as long where there is no padding (docs/performance.md).
  """
  if importlib.metadata.version("jaxlib").startswith("0.10."):
    flag = "--xla_cpu_experimental_ynn_fusion_type=individual_dot"
    os.environ.setdefault("XLA_FLAGS", flag)


def _cache_compilations():
  """Compiled programs are kept, by default under the user's cache directory."""
  if "JAX_COMPILATION_CACHE_DIR" in os.environ:
    return
  home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
  cache = pathlib.Path(home).expanduser() / "robust_jax" / "xla"
  jax.config.update("jax_compilation_cache_dir", str(cache))


def _drop_damaged_programs():
  """A kept program that cannot be read is removed, so that it is kept anew.

  JAX itself only warns, and writes no file where there is one. A process that
  is killed while it writes leaves such a file.
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
    "a compiled program '%s' in %s is damaged: it is compiled anew.",
    program,
    cache,
  )
