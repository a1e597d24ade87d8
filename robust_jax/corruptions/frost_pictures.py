"""Pictures of frost: drawn by a program, or photographs from a directory."""

import functools
import pathlib
from typing import NamedTuple

import numpy as np


class Pictures(NamedTuple):
  """Pictures of frost in one array, each in its upper left corner.

  Attributes:
    pixels: `[N, H, W, 3]`, uint8.
    heights: of each picture; what is below is 0.
    widths: likewise.
  """

  pixels: np.ndarray
  heights: tuple[int, ...]
  widths: tuple[int, ...]


# Mean color of each drawn picture and deviation of its light: those of
# ImageNet-C's five photographs.
_LOOKS = (
  ((0.31, 0.59, 0.65), 0.17),
  ((0.79, 0.81, 0.84), 0.09),
  ((0.79, 0.81, 0.84), 0.09),
  ((0.54, 0.60, 0.65), 0.12),
  ((0.44, 0.48, 0.53), 0.17),
)
_CRYSTALS = 400  # of each drawn picture
_NEEDLES = 7  # of each crystal


@functools.cache
def drawn(height: int, width: int) -> Pictures:
  """Five pictures drawn by a program, twice as high and wide as the images.

  Fans of bright and dark needles over uneven light, always the same. They have
  the color and contrast of ImageNet-C's photographs, but are none of them.
  """
  pixels = [
    _picture(np.random.default_rng(i), 2 * height, 2 * width, *look)
    for i, look in enumerate(_LOOKS)
  ]
  heights, widths = ((2 * n,) * len(_LOOKS) for n in (height, width))
  return Pictures(np.stack(pixels), heights, widths)


def _picture(
  random: np.random.Generator,
  height: int,
  width: int,
  color: tuple[float, ...],
  deviation: float,
) -> np.ndarray:
  """`[H, W, 3]`, uint8."""
  from PIL import Image, ImageDraw

  # Four times as fine, and reduced at the end, for soft edges.
  shape = np.array([4 * width, 4 * height])
  image = Image.new("L", tuple(shape.tolist()), 110)
  pen = ImageDraw.Draw(image)
  for _ in range(_CRYSTALS):
    center = random.uniform(0, shape)
    length = min(shape) * random.uniform(0.03, 0.15)
    direction = random.uniform(0, 2 * np.pi)
    for angle in direction + random.normal(0, 0.5, _NEEDLES):
      along = length * np.array([np.cos(angle), np.sin(angle)])
      aside = 0.05 * along[::-1] * [1, -1]
      tip = center + along * random.uniform(0.3, 1)
      corners = [center, (center + tip) / 2 + aside, tip]
      gray = int(random.integers(40, 256))
      pen.polygon([tuple(c.tolist()) for c in corners], fill=gray)
  needles = np.asarray(image.reduce(4), np.float64)
  clouds = Image.fromarray(random.uniform(0, 120, (5, 5)).astype(np.float32))
  light = needles + np.asarray(clouds.resize((width, height), Image.BICUBIC))
  light = deviation * (light - light.mean()) / light.std()
  return np.uint8(255 * np.clip(light[..., None] + color, 0, 1))


def photographs(directory: str, scale: float = 1.0) -> Pictures:
  """All PNG and JPEG files of a directory, in the order of their names.

  ImageNet-C takes its first five, as they are; Tiny-ImageNet-C at a scale of
  0.3 and CIFAR-10-C of 0.2.

  Raises:
    ValueError: there are none.
  """
  from PIL import Image

  names = {".png", ".jpg", ".jpeg"}
  files = sorted(
    f for f in pathlib.Path(directory).iterdir() if f.suffix.lower() in names
  )
  if not files:
    raise ValueError(
      f"no photographs in '{directory}': expected PNG or JPEG files."
    )
  pictures = []
  for file in files:
    with Image.open(file) as image:
      size = [max(round(n * scale), 1) for n in image.size]
      pictures.append(np.asarray(image.convert("RGB").resize(size)))
  heights, widths = ([p.shape[i] for p in pictures] for i in (0, 1))
  pixels = np.zeros((len(pictures), max(heights), max(widths), 3), np.uint8)
  for room, picture in zip(pixels, pictures, strict=True):
    room[: picture.shape[0], : picture.shape[1]] = picture
  return Pictures(pixels, tuple(heights), tuple(widths))
