"""Text files of boxes, and the pictures that belong to them."""

import json
import math
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

from robust_jax.data.readers.list_pictures import list_pictures
from robust_jax.data.readers.reader import Problem

NO_PICTURE = "boxes without a picture"


def read_text(path: pathlib.Path) -> str:
  """Reads a text in UTF-8; a byte order mark at its beginning is ignored.

  Raises:
    ValueError: the file cannot be read.
  """
  try:
    return path.read_text(encoding="utf-8-sig")
  except (OSError, UnicodeDecodeError) as error:
    raise ValueError(f"{path} cannot be read: {error}") from error


def read_lines(path: pathlib.Path) -> list[str]:
  """Reads the lines of a text; see `read_text`."""
  return read_text(path).splitlines()


def read_json(path: pathlib.Path) -> Any:
  """Reads a JSON file in UTF-8, with or without a byte order mark.

  Raises:
    ValueError: the file cannot be read; the message names the line.
  """
  try:
    return json.loads(read_text(path))
  except json.JSONDecodeError as error:
    raise ValueError(
      f"{path}, line {error.lineno}: {error.msg}: expected JSON."
    ) from error
  except RecursionError as error:
    raise ValueError(f"{path}: JSON of too many levels.") from error


def pair_with_pictures(
  files: Sequence[pathlib.Path], folders: Iterable[pathlib.Path]
) -> tuple[list[tuple[pathlib.Path, pathlib.Path]], list[Problem]]:
  """Finds the picture of each file of boxes by its name without the ending.

  Args:
    files: files of boxes.
    folders: folders with the pictures, which may be in folders below.

  Returns:
    Pairs of a file and a picture, and the files without one.
  """
  pictures: dict[str, pathlib.Path] = {}
  for folder in folders:
    for picture in list_pictures(folder)[0]:
      pictures.setdefault(picture.stem, picture)
  paired, others = [], []
  for file in files:
    if file.stem in pictures:
      paired.append((file, pictures[file.stem]))
    else:
      others.append(
        Problem(
          None, file.name, NO_PICTURE, f"no picture is named {file.stem}."
        )
      )
  return paired, others


def records(content: Any, what: str, path: pathlib.Path) -> list[dict]:
  """Returns a list of objects in a COCO file.

  Args:
    content: content of the file.
    what: name of the list.
    path: path of the file, for the message.

  Raises:
    ValueError: there is no such list, or something else is in it.
  """
  found = content.get(what) if isinstance(content, dict) else None
  if not isinstance(found, list):
    raise ValueError(f"{path} has no list '{what}': expected a COCO file.")
  for record in found:
    if not isinstance(record, dict):
      raise ValueError(
        f"{path}: one of its {what} is {str(record)[:40]}: expected an object."
      )
  return found


def four_numbers(value: Any, where: str) -> list[float]:
  """Returns the numbers of a box in JSON.

  Raises:
    ValueError: it is no list of four finite numbers; `where` begins the
      message.
  """
  is_box = isinstance(value, list) and len(value) == 4
  if not is_box or not all(map(is_number, value)):
    raise ValueError(f"{where} = {str(value)[:80]}: expected four numbers.")
  return value


def is_number(value: Any) -> bool:
  """Returns whether a value in JSON is a finite number."""
  has_type = isinstance(value, int | float) and not isinstance(value, bool)
  return has_type and math.isfinite(value)
