"""Set-up of the XLA compiler and its cache, for all commands."""

import importlib.metadata
import logging
import os

from robust_jax import compilation_cache


def set_up_compiler() -> None:
  """Selects fast kernels and launches, and a cache of compiled programs.

  It has to be called before anything is compiled. `XLA_FLAGS` and
  `JAX_COMPILATION_CACHE_DIR` take precedence.

  Raises:
    ValueError: others can write where compiled programs are kept.
  """
  set_xla_flags()
  try:
    compilation_cache.enable()
  except OSError as error:  # as in a container without a home
    logging.getLogger(__name__).warning(
      "compiled programs are not kept (%s): set JAX_COMPILATION_CACHE_DIR to a "
      "folder that can be written.",
      error,
    )


def set_xla_flags() -> None:
  """Sets `XLA_FLAGS` by the packages that are installed, unless it is set."""
  jaxlib = importlib.metadata.version("jaxlib")
  cuda = any(map(_is_installed, ("jax-cuda12-plugin", "jax-cuda13-plugin")))
  if flags := xla_flags(jaxlib, cuda):
    os.environ.setdefault("XLA_FLAGS", " ".join(flags))


def xla_flags(jaxlib: str, cuda: bool) -> list[str]:
  """The flags of XLA that this project sets, see docs/performance.md.

  Args:
    jaxlib: the version of jaxlib.
    cuda: whether there may be NVIDIA GPUs.
  """
  if jaxlib.startswith("0.10."):
    # Its fusion of convolutions into YNNPACK hardly uses a second core, and is
    # eight times slower without padding. GPUs were not tried with it.
    return ["--xla_cpu_experimental_ynn_fusion_type=individual_dot"]
  if not cuda:
    return []
  # By default convolutions are launched one by one, and so is what lies between
  # two of them, which takes most of the time of a small network.
  return [
    f"--xla_gpu_enable_command_buffer={','.join(_IN_COMMAND_BUFFERS)}",
    "--xla_gpu_graph_min_graph_size=2",
  ]


_IN_COMMAND_BUFFERS = (
  "FUSION",
  "CUBLAS",
  "CUBLASLT",
  "CUSTOM_CALL",
  "CUDNN",
  "DYNAMIC_SLICE_FUSION",
  "CONVOLUTION",
)


def _is_installed(package: str) -> bool:
  try:
    importlib.metadata.version(package)
  except importlib.metadata.PackageNotFoundError:
    return False
  return True
