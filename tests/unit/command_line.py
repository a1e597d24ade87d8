"""The command line in this process: a new one takes seconds to begin."""

import sys
import threading

import jax
from absl.testing import flagsaver

from experiments import main


def command_line(*arguments: object) -> int:
  """The exit status of the command; flags are as before when it ends."""
  argv = ["main", *map(str, arguments)]
  cache, before = jax.config.jax_compilation_cache_dir, sys.argv
  hooks = threading.excepthook, sys.unraisablehook
  sys.argv = argv  # where config flags look for overrides
  with flagsaver.flagsaver():
    try:
      return main.command(argv)
    finally:
      sys.argv = before
      threading.excepthook, sys.unraisablehook = hooks
      jax.config.update("jax_compilation_cache_dir", cache)
