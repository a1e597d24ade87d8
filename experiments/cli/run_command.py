"""Errors and exit statuses of all commands.

| exit status | meaning                                                      |
|-------------|--------------------------------------------------------------|
| 0           | done                                                         |
| 1           | a gate failed (`compare`), and nothing else                  |
| 2           | an error: of the command line, the input, the machine or ours|
| 3           | a gate is inconclusive (`compare`)                           |
| 130         | interrupted; the same command resumes                        |
"""

import io
import logging
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from typing import Any

import absl.logging
from ml_collections import ConfigDict

from experiments.cli.set_up_compiler import set_up_compiler

ERROR, INTERRUPTED = 2, 130


class HelpShown(Exception):
  """The user asked for help, which has been printed."""


def run_command(
  work: Callable[[], int | None], *, show_traceback: bool = False
) -> int:
  """Sets up the compiler, runs a command, and prints errors in one line.

  Args:
    work: the command; returns its exit status, None for success.
    show_traceback: whether to print the traceback of an error.

  Returns:
    The exit status, see the table above.
  """
  absl.logging.set_verbosity(absl.logging.WARNING)
  # Orbax logs there, with tracebacks, the errors that it raises.
  logging.getLogger("absl").setLevel(logging.CRITICAL)
  threading.excepthook = sys.unraisablehook = _telling_once()
  try:
    set_up_compiler()
    status = work() or 0
    sys.stdout.flush()
    return status
  except HelpShown:
    return 0
  except KeyboardInterrupt:
    return INTERRUPTED
  # A model or an attack of the user's may call sys.exit, whose status could be
  # mistaken for that of a gate.
  except (Exception, SystemExit) as error:
    if show_traceback:
      traceback.print_exc()
    else:
      print(f"error: {told(error)}", file=sys.stderr)
    _drop_unwritable_output()
    return ERROR


def told(error: BaseException) -> str:
  """Describes an error to the user: its cause, and what to do."""
  if isinstance(error, SystemExit):
    if isinstance(error.__context__, BrokenPipeError):  # raised by rich
      return _told_of_file(error.__context__)
    return (
      f"sys.exit({error.code!r}) was called {_where(error)}: a function that "
      "this command calls has to return or raise."
    )
  if isinstance(error, OSError):
    return _told_of_file(error)
  if isinstance(error, (ValueError, FloatingPointError)):
    return str(error)
  if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
    return f"out of memory ({_first_line(error)}): try smaller batches."
  if str(error).startswith("Unable to initialize backend"):
    platforms = os.environ.get("JAX_PLATFORMS", "")
    return f"JAX_PLATFORMS={platforms}: {_first_line(error)}"
  if (missing := _missing_field(error)) is not None:
    return missing
  return (
    f"{type(error).__name__}: {_first_line(error)} ({_where(error)}). This is "
    "a bug of robust_jax, unless that is a file of yours; "
    f"{_kept(error)}"
  )


def _missing_field(error: BaseException) -> str | None:
  """Describes the error of `config.section.field` without such a field."""
  frame = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][-1]
  section = frame.f_locals.get("self")
  if not isinstance(section, ConfigDict):
    return None
  field = frame.f_locals.get("attribute", frame.f_locals.get("key"))
  return (
    f"the config lacks the field '{field}', in a section that has only "
    f"{', '.join(map(str, section)) or 'nothing'}."
  )


def _told_of_file(error: OSError) -> str:
  reason = error.strerror or str(error)
  if error.filename is not None:
    return f"{error.filename}: {reason}."
  if isinstance(error, BrokenPipeError):
    return "standard output is closed: nobody reads what is printed."
  try:
    # Another flush would not fail: the buffer that failed is gone.
    os.write(sys.stdout.fileno(), b"\n")
  except io.UnsupportedOperation:  # not a file
    pass
  except OSError:
    return f"standard output cannot be written: {reason}."
  return f"{reason} ({_where(error)})."


def _telling_once() -> Callable[[Any], None]:
  """Makes a hook for errors in threads of libraries and at exit.

  They are only logged: a command fails itself where it depends on them.
  """
  told = set()

  def tell(failed) -> None:
    error = failed.exc_value
    said = f"{type(error).__name__}: {_first_line(error)}"
    if said not in told:
      told.add(said)
      logging.getLogger(__name__).warning("in the background: %s", said)

  return tell


def _first_line(error: BaseException) -> str:
  return (str(error).strip() or "no message").splitlines()[0][:200]


def _where(error: BaseException) -> str:
  innermost = traceback.extract_tb(error.__traceback__)[-1]
  return f"in {innermost.filename}, line {innermost.lineno}"


def _kept(error: BaseException) -> str:
  """Saves the traceback; returns a sentence with its path."""
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
  """Drops output that cannot be written, or the interpreter would try again."""
  try:
    sys.stdout.flush()
  except OSError:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
