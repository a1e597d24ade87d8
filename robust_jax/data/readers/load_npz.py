"""Safe reading of `.npz` files."""

import pathlib
import zipfile
import zlib

import numpy as np


def load_npz(path: str | pathlib.Path) -> dict[str, np.ndarray]:
  """Loads all arrays of an `.npz` without unpickling anything.

  Raises:
    ValueError: the file is missing, truncated or of another kind, or contains
      objects.
  """
  try:
    # NumPy does not close a file that it opened itself and cannot read.
    with (
      open(path, "rb") as file,
      np.load(file, allow_pickle=False) as arrays,
    ):
      return dict(arrays)
  # TypeError: a single array, which is not a context manager.
  except (
    OSError,
    EOFError,
    OverflowError,
    MemoryError,  # a header that claims an impossible size
    ValueError,
    TypeError,
    zipfile.BadZipFile,
    zlib.error,
  ) as error:
    raise ValueError(f"{path} cannot be read as .npz: {error}") from error
