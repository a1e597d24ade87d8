"""Listing of the pictures below a folder, and of the files left out."""

import os
import pathlib
from collections.abc import Iterator

from robust_jax.data.readers.read_picture import open_picture
from robust_jax.data.readers.reader import Problem

HIDDEN = "hidden name"
NO_PICTURE = "no picture"
LINK = "link to a folder"
CLOSED = "folder that cannot be opened"

# Files with these endings count as pictures even if they cannot be read.
_ENDINGS = {
  ".avif",
  ".bmp",
  ".gif",
  ".heic",
  ".heif",
  ".jfif",
  ".jp2",
  ".jpe",
  ".jpeg",
  ".jpg",
  ".pbm",
  ".pgm",
  ".png",
  ".pnm",
  ".ppm",
  ".tif",
  ".tiff",
  ".webp",
}


def list_pictures(
  path: pathlib.Path,
) -> tuple[list[pathlib.Path], list[Problem]]:
  """Lists the pictures below a folder, sorted by path, and what is left out.

  A file is a picture if its name or its content is that of one. Hidden files
  and folders, whose names begin with a dot, are left out.
  """
  files, others = [], []
  for found in _walk(path):
    if isinstance(found, Problem):
      others.append(found)
    else:
      files.append(found)
  others.sort(key=lambda problem: problem.id or "")
  return sorted(files), others


def is_hidden(path: pathlib.Path) -> bool:
  """Returns whether the name begins with a dot, as in `.ipynb_checkpoints`."""
  return path.name.startswith(".")


def _walk(path) -> Iterator[pathlib.Path | Problem]:
  def left_out(file, kind, message=""):
    return Problem(None, file.relative_to(path).as_posix(), kind, message)

  closed: list[OSError] = []
  for folder, folders, names in os.walk(path, onerror=closed.append):
    here = pathlib.Path(folder)
    for name in sorted(folders):
      below = here / name
      if is_hidden(below) or below.is_symlink():
        folders.remove(name)
        yield left_out(below, HIDDEN if is_hidden(below) else LINK)
    for file in map(here.joinpath, sorted(names)):
      if is_hidden(file):
        yield left_out(file, HIDDEN)
      elif file.suffix.lower() in _ENDINGS or _is_picture(file):
        yield file
      else:
        ending = f"ending '{file.suffix}'" if file.suffix else "no ending"
        yield left_out(file, NO_PICTURE, f"{ending}, and no picture in it.")
  for error in closed:
    folder = pathlib.Path(error.filename)
    yield left_out(folder, CLOSED, str(error.strerror))


def _is_picture(file) -> bool:
  try:
    with open_picture(file):
      return True
  except Exception:  # Pillow raises many types for other files
    return False
