"""Decoding of image files by three libraries."""

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
  """Decodes an image file to uint8 `[H, W, 3]` in RGB.

  The JPEG standard leaves rounding and chroma upsampling to the decoder, so the
  same file differs between libraries. No decoder applies the EXIF orientation
  here. Pillow's pixels are those of `read_picture`, with transparent
  pixels on white; the others show the colors under transparency.

  Args:
    data: content of a JPEG, PNG or other image file.
    decoder: "pillow", "opencv" or "ffmpeg" (through PyAV).

  Raises:
    ValueError: the decoder is unknown, its package is not installed, or it
      cannot read the data.

  Example:
    >>> import io
    >>> import PIL.Image
    >>> from robust_jax.data.readers.decode import decode
    >>> file = io.BytesIO()
    >>> PIL.Image.new("L", (4, 2), 7).save(file, "PNG")
    >>> decode(file.getvalue()).shape
    (2, 4, 3)
  """
  if decoder not in DECODERS:
    raise ValueError(
      f"decoder = '{decoder}': expected one of {', '.join(DECODERS)}."
    )
  make = {"pillow": _pillow, "opencv": _opencv, "ffmpeg": _ffmpeg}[decoder]
  image = make(data)
  if image is None:
    raise ValueError(
      f"{decoder} cannot read these {len(data)} bytes as an image."
    )
  return np.ascontiguousarray(image)


def import_library(module: str) -> ModuleType:
  """Imports an optional package.

  Raises:
    ValueError: it is not installed; the message says how to install it.
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
  except OSError:  # unknown format or truncated file
    return None


def _opencv(data):
  cv2 = import_library("cv2")
  if not data:
    return None
  flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
  image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
  return None if image is None else image[..., ::-1]


def _ffmpeg(data):
  av = import_library("av")
  try:
    with av.open(io.BytesIO(data)) as container:
      frame = next(container.decode(video=0))
      return frame.to_ndarray(format="rgb24")
  except (av.error.FFmpegError, StopIteration, IndexError):
    return None
