"""What is around the work of every command."""

import logging
import sys
from collections.abc import Callable

import absl.logging

from experiments.set_up_compiler import set_up_compiler


def run_command(
  work: Callable[[], int | None], *, traceback: bool = False
) -> int | None:
  """Sets up the compiler, works, and tells in one line what was refused.

  Args:
    work: the command; returns its exit status, None for success.
    traceback: let errors through instead, with where they were raised.

  Returns:
    The exit status: of the work, 2 for bad input, 130 if interrupted.
  """
  absl.logging.set_verbosity(absl.logging.WARNING)
  # Libraries warn through absl of what nobody here can act on.
  logging.getLogger("absl").setLevel(logging.ERROR)
  set_up_compiler()
  try:
    return work()
  except (ValueError, FloatingPointError) as error:
    if traceback:
      raise
    print(f"error: {error}", file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    return 130
