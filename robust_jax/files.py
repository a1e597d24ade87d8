"""Atomic writes: files exist completely or not at all, also after a crash."""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


@contextlib.contextmanager
def atomic_write(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields a temporary path, which replaces `path` at the end.

  If the body raises, the temporary file is removed and `path` is unchanged.

  Args:
    path: path of the file.

  Raises:
    OSError: the file cannot be written.

  Example:
    >>> import pathlib, tempfile
    >>> from robust_jax.files import atomic_write
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "log.txt"
    >>> with atomic_write(path) as new:
    ...   size = new.write_text("whole")
    >>> path.read_text()
    'whole'
  """
  aside = path.with_name(f"{path.stem}.partial{path.suffix}")
  # Left there by a killed process, or a link that would be followed.
  aside.unlink(missing_ok=True)
  try:
    with naming(path):
      yield aside
      os.replace(aside, path)
  finally:
    aside.unlink(missing_ok=True)


def user_cache(name: str) -> pathlib.Path:
  """The folder of that name among what the user's programs can make again."""
  home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
  return pathlib.Path(home).expanduser() / "robust_jax" / name


@contextlib.contextmanager
def naming(path: pathlib.Path) -> Iterator[None]:
  """Adds the file's name to errors of writing, such as that of a full disk.

  Args:
    path: path of the file.

  Raises:
    OSError: as raised by the body, with `path` as its filename if it had none.
  """
  try:
    yield
  except OSError as error:
    if error.filename is not None or error.errno is None:
      raise
    raise OSError(error.errno, error.strerror, str(path)) from error


def write_json(path: pathlib.Path, value: Mapping[str, Any]) -> None:
  """Writes a JSON object atomically, indented.

  Example:
    >>> import pathlib, tempfile
    >>> from robust_jax.files import read_json, write_json
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "report.json"
    >>> write_json(path, {"accuracy": 0.9})
    >>> read_json(path, "Delete it.")
    {'accuracy': 0.9}
  """
  with atomic_write(path) as new:
    new.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def read_json(
  path: pathlib.Path, remedy: str, fields: Sequence[str] = ()
) -> dict[str, Any]:
  """Reads a JSON object from a file.

  Args:
    path: path of the file.
    remedy: what to do about a damaged file, as a sentence.
    fields: names that the object must have.

  Raises:
    ValueError: the file cannot be read, is not JSON, or is not an object with
      these fields. The message names the file.
  """
  try:
    found = json.loads(path.read_text(encoding="utf-8"))
  except (OSError, ValueError, RecursionError) as error:
    raise ValueError(
      f"{path} cannot be read as JSON ({error}). {remedy}"
    ) from error
  missing = [f for f in fields if not isinstance(found, dict) or f not in found]
  if missing or not isinstance(found, dict):
    expected = ", ".join(fields) or "any"
    raise ValueError(
      f"{path} does not hold what is expected, an object with the fields "
      f"{expected}. {remedy}"
    )
  return found
