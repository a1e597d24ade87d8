"""Set-up of the XLA compiler and its cache, for all commands."""

import importlib.metadata
import logging
import os

from robust_jax import compilation_cache


def set_up_compiler() -> None:
  """Selects fast CPU kernels and a cache of compiled programs.

  It has to be called before anything is compiled. `XLA_FLAGS` and
  `JAX_COMPILATION_CACHE_DIR` take precedence.

  Raises:
    ValueError: others can write where compiled programs are kept.
  """
  _choose_cpu_kernels()
  try:
    compilation_cache.enable()
  except OSError as error:  # as in a container without a home
    logging.getLogger(__name__).warning(
      "compiled programs are not kept (%s): set JAX_COMPILATION_CACHE_DIR to a "
      "folder that can be written.",
      error,
    )


def _choose_cpu_kernels():
  """Disables slow convolutions of jaxlib 0.10 on CPUs.

  Its fusion of convolutions into YNNPACK hardly uses a second core, and is
  eight times slower without padding (docs/performance.md).
  """
  if importlib.metadata.version("jaxlib").startswith("0.10."):
    flag = "--xla_cpu_experimental_ynn_fusion_type=individual_dot"
    os.environ.setdefault("XLA_FLAGS", flag)
