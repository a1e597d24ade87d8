"""Arrays of a file that somebody else has written."""

import pathlib
import zipfile
import zlib

import numpy as np


def load_npz(path: str | pathlib.Path) -> dict[str, np.ndarray]:
  """All arrays of an `.npz`; nothing pickled is read.

  Raises:
    ValueError: it is not there, cut off, something else, or holds objects.
  """
  try:
    # numpy leaves a file open that it opened itself and cannot read.
    with (
      open(path, "rb") as file,
      np.load(file, allow_pickle=False) as arrays,
    ):
      return dict(arrays)
  # TypeError: a single array, which is no context manager.
  except (
    OSError,
    EOFError,
    OverflowError,
    MemoryError,  # of a header that claims more than there can be
    ValueError,
    TypeError,
    zipfile.BadZipFile,
    zlib.error,
  ) as error:
    raise ValueError(f"{path} cannot be read as .npz: {error}") from error
