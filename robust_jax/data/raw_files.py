"""Raw files by a path, or by their place in the folder of raw data."""

import os
import pathlib


def find_raw(name: str, folder: str = "") -> pathlib.Path:
  """Returns the path of an existing file or folder.

  Args:
    name: a path. A relative one is looked up in the working directory, and then
      in `$ROBUST_JAX_DATA/raw/<folder>`.
    folder: folder of raw data that names are relative to.

  Raises:
    ValueError: there is no such file.

  Example:
    >>> import pathlib, tempfile
    >>> from robust_jax.data.raw_files import find_raw
    >>> path = pathlib.Path(tempfile.mkdtemp())
    >>> find_raw(str(path)) == path
    True
  """
  path = pathlib.Path(name).expanduser()
  root = os.environ.get("ROBUST_JAX_DATA")
  if path.exists() or path.is_absolute():
    return path
  raw = pathlib.Path(root or "$ROBUST_JAX_DATA", "raw", folder, name)
  if root and raw.exists():
    return raw
  hint = "" if root else "; the environment variable ROBUST_JAX_DATA is not set"
  raise ValueError(
    f"{name}: no such file in the working directory, nor {raw}{hint}. Give its "
    "path, or put it there."
  )
