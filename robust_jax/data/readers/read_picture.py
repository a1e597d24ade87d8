"""Reading of picture files of any kind as 8-bit arrays."""

import pathlib
from typing import IO, Literal, NamedTuple

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageOps

Mode = Literal["RGB", "L"]

# Other formats have no signature, or start a program to be read.
_FORMATS = (
  "AVIF",
  "BMP",
  "GIF",
  "JPEG",
  "JPEG2000",
  "PNG",
  "PPM",
  "TIFF",
  "WEBP",
)
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")
_GRAY = ("1", "L", "LA", *_SIXTEEN_BITS)
_PLAIN = ("1", "L", "P", "RGB", "RGBX")


class Picture(NamedTuple):
  """An image, and how it differs from the stored one.

  Attributes:
    image: uint8 `[H, W, C]`, with C = 1 for gray and 3 for color.
    changed: lossy conversions, each a phrase such as "16 bits per channel,
      scaled to 8".
  """

  image: np.ndarray
  changed: tuple[str, ...]


def open_picture(file: pathlib.Path | IO[bytes]) -> PIL.Image.Image:
  """Opens a picture, reading only its header; use it in a `with` statement.

  Raises:
    OSError: it is not a picture, or cannot be opened.
  """
  return PIL.Image.open(file, formats=_FORMATS)


def is_gray(picture: PIL.Image.Image) -> bool:
  """Returns whether the header says that a picture has no colors."""
  if picture.format == "PPM" and picture.mode == "I":
    return True
  # Pillow opens 16-bit gray with transparency as RGBA.
  stored = {word.partition(";")[0] for word in _stored(picture)}
  return picture.mode in _GRAY or "LA" in stored


def read_picture(
  file: pathlib.Path | IO[bytes], mode: Mode = "RGB", *, upright: bool = True
) -> Picture:
  """Reads a picture in 8 bits per channel, on white where it is transparent.

  16-bit values v become v / 257, rounded, so that 65535 is white. Of several
  pictures in a file the first is used. Color profiles are not applied.

  Args:
    file: path or content of the file.
    mode: "RGB", or "L" for gray.
    upright: whether the EXIF orientation is applied.

  Raises:
    OSError: the file is not a picture, or truncated.
    ValueError: it has 32-bit numbers, which have no largest value, or a color
      mode that Pillow does not convert.
  """
  with open_picture(file) as stored:
    changed: list[str] = []
    if getattr(stored, "is_animated", False):
      changed.append("first of several pictures in a file")
    deep = _is_deep(stored)
    if deep:
      changed.append("16 bits per channel, scaled to 8")
    if deep and "transparency" in stored.info:
      raise ValueError(
        "it names a transparent color in 16 bits: expected a channel of "
        "transparency, or 8 bits."
      )
    picture = PIL.ImageOps.exif_transpose(stored) if upright else stored
    if picture is not stored and _is_turned(stored):
      changed.append("turned as its EXIF data say")
    if picture.mode in (*_SIXTEEN_BITS, "I", "F"):
      picture = _of_numbers(picture, deep)
    if picture.has_transparency_data:
      picture, transparent = _on_white(picture)
      if transparent:
        changed.append("transparent, laid on white")
    if picture.mode not in _PLAIN:
      changed.append(f"{picture.mode}, converted to {mode}")
    elif mode == "L" and _has_colors(picture):
      changed.append("color, made gray")
    image = np.asarray(picture.convert(mode))
  return Picture(image if image.ndim == 3 else image[..., None], tuple(changed))


def _has_colors(picture) -> bool:
  channels = np.asarray(picture.convert("RGB"))
  return bool((channels != channels[..., :1]).any())


def _is_turned(picture) -> bool:
  return picture.getexif().get(PIL.ExifTags.Base.Orientation, 1) in range(2, 9)


def _stored(picture) -> list[str]:
  """Returns how the channels are stored in the file, in Pillow's words."""
  words = []
  for tile in picture.tile:
    args = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
    words += [word for word in args if isinstance(word, str)]
  return words


def _is_deep(picture) -> bool:
  if picture.format == "PPM":
    # Pillow scales any other depth to 16 bits.
    depths = [tile[3][1] for tile in picture.tile if tile[0] == "ppm"]
    return picture.mode == "I" or any(depth > 255 for depth in depths)
  return picture.mode in _SIXTEEN_BITS or any(
    ";16" in word for word in _stored(picture)
  )


def _of_numbers(picture, deep) -> PIL.Image.Image:
  if not deep:
    raise ValueError(
      f"it holds numbers of 32 bits (mode {picture.mode}), which have no "
      "largest value: expected 8 or 16 bits per channel."
    )
  values = np.rint(np.asarray(picture) / 257)
  return PIL.Image.fromarray(values.astype(np.uint8))


def _on_white(picture) -> tuple[PIL.Image.Image, bool]:
  """Returns the picture on white, and whether any pixel was transparent."""
  layer = picture.convert("RGBA")
  if layer.getchannel("A").getextrema()[0] == 255:
    return layer.convert("RGB"), False
  ground = PIL.Image.new("RGBA", layer.size, "white")
  ground.alpha_composite(layer)
  return ground.convert("RGB"), True
