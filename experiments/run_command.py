"""What surrounds the work of every command: errors, and exit statuses.

| exit status | meaning                                                      |
|-------------|--------------------------------------------------------------|
| 0           | done                                                         |
| 1           | a gate failed (`compare`), and nothing else                  |
| 2           | an error: of the command line, the input, the machine or ours|
| 3           | a gate is inconclusive (`compare`)                           |
| 130         | interrupted; the same command goes on                        |
"""

import argparse
import io
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import NoReturn

import absl.logging

from experiments.set_up_compiler import set_up_compiler

ERROR, INTERRUPTED = 2, 130


class HelpShown(Exception):
  """The user asked for help and has it: nothing else is to be done."""


class ArgumentParser(argparse.ArgumentParser):
  """An argument parser whose errors are told like all others."""

  def error(self, message: str) -> NoReturn:
    raise ValueError(f"{message}. Try --help.")

  def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
    del status, message  # of --help alone: errors do not come here
    raise HelpShown


def run_command(
  work: Callable[[], int | None], *, show_traceback: bool = False
) -> int:
  """Sets up the compiler, works, and says in one line what went wrong.

  Args:
    work: the command; returns its exit status, None for success.
    show_traceback: on an error, show where in the code it was raised.

  Returns:
    The exit status, as in the table above.
  """
  absl.logging.set_verbosity(absl.logging.WARNING)
  # Libraries warn through absl of what nobody here can act on.
  logging.getLogger("absl").setLevel(logging.ERROR)
  set_up_compiler()
  try:
    status = work() or 0
    sys.stdout.flush()
    return status
  except HelpShown:
    return 0
  except KeyboardInterrupt:
    return INTERRUPTED
  # A model or an attack of the user's may call sys.exit: its status would be
  # taken for that of a gate.
  except (Exception, SystemExit) as error:
    if show_traceback:
      traceback.print_exc()
    else:
      print(f"error: {_told(error)}", file=sys.stderr)
    _drop_unwritable_output()
    return ERROR


def _told(error: BaseException) -> str:
  """What a person is told: what it is about, and what to do."""
  if isinstance(error, SystemExit):
    return (
      f"sys.exit({error.code!r}) was called {_where(error)}, while this "
      "command was working: a function that it calls has to return or raise."
    )
  if isinstance(error, OSError):
    return _told_of_file(error)
  if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
    return f"out of memory ({_first_line(error)}): try smaller batches."
  if isinstance(error, (ValueError, FloatingPointError)):
    return str(error)
  if str(error).startswith("Unable to initialize backend"):
    platforms = os.environ.get("JAX_PLATFORMS", "")
    return f"JAX_PLATFORMS={platforms}: {_first_line(error)}"
  return (
    f"{type(error).__name__}: {_first_line(error)} ({_where(error)}). This was "
    "not foreseen: it is a bug of ours, unless that is a file of yours; "
    f"{_kept(error)}"
  )


def _told_of_file(error: OSError) -> str:
  reason = error.strerror or str(error)
  if error.filename is not None:
    return f"{error.filename}: {reason}."
  try:
    os.write(
      sys.stdout.fileno(), b"\n"
    )  # to flush once more would tell nothing
  except io.UnsupportedOperation:  # it is no file
    pass
  except OSError:
    return f"standard output cannot be written: {reason}."
  return f"{reason} ({_where(error)})."


def _first_line(error: BaseException) -> str:
  return (str(error).strip() or "no message").splitlines()[0][:200]


def _where(error: BaseException) -> str:
  innermost = traceback.extract_tb(error.__traceback__)[-1]
  return f"in {innermost.filename}, line {innermost.lineno}"


def _kept(error: BaseException) -> str:
  """Says where the traceback is."""
  text = "".join(traceback.format_exception(error))
  try:
    with tempfile.NamedTemporaryFile(
      "w", prefix="robust_jax_", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
      file.write(text)
    return f"the traceback is in {file.name}."
  except OSError:
    return f"the traceback:\n{text}"


def _drop_unwritable_output() -> None:
  """Or the interpreter would try once more when it ends, and complain."""
  try:
    sys.stdout.flush()
  except OSError:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
