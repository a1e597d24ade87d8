"""Files that data sets of our own are made from and that are not downloaded."""

import os
import pathlib


def raw_file(name: str, patterns: tuple[str, ...], where: str) -> pathlib.Path:
  """The file below `$ROBUST_JAX_DATA/raw/<name>` that matches a pattern.

  Args:
    name: folder of the collection.
    patterns: names that it may have, with wildcards, best first.
    where: where it is to be had.

  Raises:
    ValueError: there is none, or ROBUST_JAX_DATA is not set.
  """
  wanted = " or ".join(patterns)
  root = os.environ.get("ROBUST_JAX_DATA")
  if not root:
    raise ValueError(
      f"the environment variable ROBUST_JAX_DATA is not set: wanted a folder "
      f"with raw/{name}/{wanted}. {where}"
    )
  folder = pathlib.Path(root) / "raw" / name
  for pattern in patterns:
    for path in sorted(folder.glob(pattern)):
      return path
  raise ValueError(f"{folder} has no file {wanted}. {where}")
