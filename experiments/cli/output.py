"""Checks and locks of the folder that a command writes to."""

import contextlib
import fcntl
import logging
import os
import pathlib
import tempfile
from collections.abc import Iterator

from robust_jax import parallel


def writable(folder: pathlib.Path, flag: str) -> None:
  """Creates a folder and checks that files can be written to it.

  Args:
    folder: the folder.
    flag: the command line flag by which another folder can be given.

  Raises:
    ValueError: the folder cannot be created or written.
  """
  try:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
      file.write(b"written")
  except OSError as error:
    raise ValueError(
      f"{folder} cannot be written ({error.strerror}): give another {flag}."
    ) from error


@contextlib.contextmanager
def locked(folder: pathlib.Path, flag: str) -> Iterator[None]:
  """Locks a writable folder against other programs.

  The folder itself is locked, so no lock file is left behind, and the system
  releases the lock whenever the process ends. If several processes form one
  program, the lead process locks for all.

  Args:
    folder: the folder, which is created if missing.
    flag: the command line flag by which another folder can be given.

  Raises:
    ValueError: another program uses the folder, or it cannot be written.
  """
  if not parallel.is_lead():
    yield
    return
  writable(folder, flag)
  handle = os.open(folder, os.O_RDONLY)
  try:
    _lock(handle, folder, flag)
    yield
  finally:
    os.close(handle)


def is_locked(folder: pathlib.Path) -> bool:
  """Returns whether a program holds the lock of a folder, see `locked`.

  On network file systems without such locks no folder is locked.
  """
  handle = os.open(folder, os.O_RDONLY)
  try:
    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
  except BlockingIOError:
    return True
  except OSError:
    return False
  finally:
    os.close(handle)
  return False


def _lock(handle: int, folder: pathlib.Path, flag: str) -> None:
  try:
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError as error:
    raise ValueError(
      f"another process is using {folder}: wait for it to end, or give "
      f"another {flag}."
    ) from error
  except OSError as error:  # some network file systems have no such locks
    logging.getLogger(__name__).warning(
      "%s cannot be locked (%s): do not start another program there.",
      folder,
      error.strerror,
    )
