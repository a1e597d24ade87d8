"""How programs are compiled, by whichever command."""

import importlib.metadata
import os
import pathlib

import jax


def set_up_compiler() -> None:
  """Chooses fast kernels and keeps what is compiled; before anything is.

  What `XLA_FLAGS` and `JAX_COMPILATION_CACHE_DIR` say goes before.
  """
  _choose_cpu_kernels()
  _cache_compilations()


def _choose_cpu_kernels():
  """Keeps jaxlib 0.10 from its slow way with convolutions on a CPU.

  Its fusion of convolutions into YNNPACK hardly uses a second core, and takes
  eight times as long where there is no padding (docs/results.md).
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
