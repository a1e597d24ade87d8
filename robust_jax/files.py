"""Files that are there whole or not at all, whenever the process dies."""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


@contextlib.contextmanager
def atomic_write(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """A path beside `path` to write to; it takes the place of `path` at the end.

  If the body raises, what was written aside is removed and `path` is as before.

  Raises:
    OSError: it cannot be written.
  """
  aside = path.with_name(f"{path.stem}.partial{path.suffix}")
  # Whatever a killed process left there, or a link to write through.
  aside.unlink(missing_ok=True)
  try:
    with naming(path):
      yield aside
      os.replace(aside, path)
  finally:
    aside.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path: pathlib.Path) -> Iterator[None]:
  """What is raised by writing, as to a full disk, does not say to what file.

  Raises:
    OSError: as it was raised, with `path` for its filename where it had none.
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
  """The JSON object in a file.

  Args:
    path: of the file.
    remedy: what to do about a damaged one, as a sentence.
    fields: names that the object must have.

  Raises:
    ValueError: the file cannot be read, is no JSON, or no object with these
      fields; the message names the file.
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
      f"{path} holds another thing than expected: expected an object with the "
      f"fields {expected}. {remedy}"
    )
  return found
