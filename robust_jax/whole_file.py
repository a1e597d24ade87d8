"""Files that are there whole or not at all, whenever the process dies."""

import contextlib
import os
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def whole_file(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """A path beside `path` to write to; it takes the place of `path` at the end.

  If the body raises, what was written aside is removed and `path` is as before.
  """
  aside = path.with_name(f"{path.stem}.partial{path.suffix}")
  # Whatever a killed process left there, or a link to write through.
  aside.unlink(missing_ok=True)
  try:
    yield aside
    os.replace(aside, path)
  finally:
    aside.unlink(missing_ok=True)
