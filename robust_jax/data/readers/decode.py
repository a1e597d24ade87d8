"""Encoded images as three libraries see them."""

import importlib
import io
from types import ModuleType

import numpy as np

from robust_jax.data.readers.read_picture import read_picture

DECODERS = ("pillow", "opencv", "ffmpeg")
_PACKAGES = {
  "PIL.Image": "pillow",
  "cv2": "opencv-python-headless",
  "av": "av",
}


def decode(data: bytes, decoder: str = "pillow") -> np.ndarray:
  """uint8 `[H, W, 3]` in RGB of a JPEG, PNG or another file's content.

  JPEG leaves rounding and the enlarging of colors to the library, and so the
  same file is not the same image everywhere. No decoder turns it as its EXIF
  data say: that is no matter of gray levels. Pillow's pixels are those of
  `read_picture`, which lays what is transparent on white; the others show the
  colors under it.

  Args:
    data: the content of a file.
    decoder: "pillow", "opencv" or "ffmpeg" (through PyAV).

  Raises:
    ValueError: there is no such decoder, its package is not installed, or it
      cannot read the data.
  """
  if decoder not in DECODERS:
    raise ValueError(
      f"decoder = '{decoder}': expected one of {', '.join(DECODERS)}."
    )
  make = {"pillow": _pillow, "opencv": _opencv, "ffmpeg": _ffmpeg}[decoder]
  image = make(data)
  if image is None:
    raise ValueError(
      f"{len(data)} bytes that {decoder} cannot read as an image."
    )
  return np.ascontiguousarray(image)


def library(module: str) -> ModuleType:
  """A package that only some users have.

  Raises:
    ValueError: it is not installed; how to do that is said.
  """
  try:
    return importlib.import_module(module)
  except ImportError as error:
    raise ValueError(
      f"the package {_PACKAGES[module]} is not installed: "
      f"`pip install {_PACKAGES[module]}`."
    ) from error


def _pillow(data):
  try:
    return read_picture(io.BytesIO(data), upright=False).image
  except OSError:  # Pillow's for what it does not know or what is cut off
    return None


def _opencv(data):
  cv2 = library("cv2")
  if not data:
    return None
  flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
  image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
  return None if image is None else image[..., ::-1]


def _ffmpeg(data):
  av = library("av")
  try:
    with av.open(io.BytesIO(data)) as container:
      frame = next(container.decode(video=0))
      return frame.to_ndarray(format="rgb24")
  except (av.error.FFmpegError, StopIteration, IndexError):
    return None
