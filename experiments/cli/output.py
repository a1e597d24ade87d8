"""The folder that a command writes to: asked before hours are spent."""

import contextlib
import fcntl
import logging
import os
import pathlib
import tempfile
from collections.abc import Iterator

from robust_jax import parallel


def writable(folder: pathlib.Path, flag: str) -> None:
  """Makes sure that the folder is there and that files can be written to it.

  Args:
    folder: created if need be.
    flag: of the command line, by which another folder can be given.

  Raises:
    ValueError: it cannot be created or written.
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
  """`writable`, and while inside nobody else is inside for the same folder.

  The folder itself is locked, so no file is left behind, and the system unlocks
  it when the process ends, however it ends. Of several processes of one program
  the first one locks for all.

  Args:
    folder: created if need be.
    flag: of the command line, by which another folder can be given.

  Raises:
    ValueError: another program is at work there, or it cannot be written.
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


def _lock(handle: int, folder: pathlib.Path, flag: str) -> None:
  try:
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError as error:
    raise ValueError(
      f"another process is at work in {folder}: wait for it to end, or give "
      f"another {flag}."
    ) from error
  except OSError as error:  # some network file systems have no such locks
    logging.getLogger(__name__).warning(
      "%s cannot be locked (%s): start nothing else there.",
      folder,
      error.strerror,
    )
