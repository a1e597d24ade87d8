"""The photographs of BSDS500, read from its archive."""

import io
import pathlib
import tarfile
from collections.abc import Sequence
from typing import IO, cast

import numpy as np

from robust_jax.data.builders._common import raw_file

WHERE = (
  "BSDS500 is the Berkeley Segmentation Data Set of 500 photographs: put "
  "BSR_bsds500.tgz from "
  "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/"
  "resources.html there."
)
PHOTOGRAPHS = {"train": 200, "val": 100, "test": 200}
"""Folder of the archive -> number of its photographs."""


def archive() -> pathlib.Path:
  """Returns the archive in `$ROBUST_JAX_DATA/raw/bsds500`.

  Raises:
    ValueError: there is none.
  """
  return raw_file("bsds500", ("*.tgz", "*.tar.gz", "*.tar"), WHERE)


def photographs(folders: Sequence[str]) -> list[np.ndarray]:
  """Returns photographs uint8 `[height, width, 3]`, ordered by folder and name.

  The archive, `*.tgz`, `*.tar.gz` or `*.tar` in `$ROBUST_JAX_DATA/raw/bsds500`,
  has JPEG files in `.../images/{train,val,test}/`.

  Raises:
    ValueError: there is no archive, or it lacks photographs.
  """
  # Imported here, as only preparing decodes images.
  from PIL import Image

  path_of_archive = archive()
  encoded: dict[tuple[str, ...], bytes] = {}
  with tarfile.open(path_of_archive) as members:
    for member in members:
      path = pathlib.PurePosixPath(member.name)
      folder, kind = path.parts[-3:-1] if len(path.parts) > 2 else ("", "")
      expected = folder == "images" and kind in folders
      if expected and path.suffix == ".jpg" and member.isfile():
        content = cast(IO[bytes], members.extractfile(member))
        encoded[path.parts[-2:]] = content.read()
  count = sum(PHOTOGRAPHS[folder] for folder in folders)
  if len(encoded) != count:
    raise ValueError(
      f"{path_of_archive} has {len(encoded)} photographs in images/"
      f"{' and images/'.join(folders)}: expected {count}. {WHERE}"
    )
  files = (io.BytesIO(encoded[name]) for name in sorted(encoded))
  return [np.asarray(Image.open(file).convert("RGB")) for file in files]
