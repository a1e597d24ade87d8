"""Pictures of frost, synthetic or read from a directory of photographs."""

import functools
import pathlib
from typing import NamedTuple

import numpy as np


class Pictures(NamedTuple):
  """Pictures of frost in one array, each in its upper left corner.

  Attributes:
    pixels: `[N, H, W, 3]`, uint8; 0 outside of a picture.
    heights: height of each picture.
    widths: width of each picture.
  """

  pixels: np.ndarray
  heights: tuple[int, ...]
  widths: tuple[int, ...]


# Mean color and standard deviation of the brightness of each synthetic picture,
# equal to those of the five photographs of ImageNet-C.
_LOOKS = (
  ((0.31, 0.59, 0.65), 0.17),
  ((0.79, 0.81, 0.84), 0.09),
  ((0.79, 0.81, 0.84), 0.09),
  ((0.54, 0.60, 0.65), 0.12),
  ((0.44, 0.48, 0.53), 0.17),
)
_CRYSTALS = 400  # per picture
_NEEDLES = 7  # per crystal


@functools.cache
def synthetic(height: int, width: int) -> Pictures:
  """Five synthetic pictures, twice as high and wide as the images.

  They show fans of bright and dark needles over uneven light, always the same,
  with the color and contrast of the photographs of ImageNet-C.

  Args:
    height: height of the images.
    width: width of the images.

  Example:
    >>> from robust_jax.corruptions import frost_pictures
    >>> frost_pictures.synthetic(8, 6).pixels.shape
    (5, 16, 12, 3)
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
  """Draws one synthetic picture, `[H, W, 3]` uint8."""
  from PIL import Image, ImageDraw

  # Drawn at four times the resolution and reduced, for soft edges.
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
  clouds = clouds.resize((width, height), Image.Resampling.BICUBIC)
  light = needles + np.asarray(clouds)
  light = deviation * (light - light.mean()) / light.std()
  return (255 * np.clip(light[..., None] + color, 0, 1)).astype(np.uint8)


def load_photographs(directory: str, scale: float = 1.0) -> Pictures:
  """Loads all PNG and JPEG files of a directory, sorted by name.

  ImageNet-C uses its first five files at their own size, Tiny-ImageNet-C at a
  scale of 0.3 and CIFAR-10-C at 0.2.

  Args:
    directory: path of the files.
    scale: factor of height and width.

  Raises:
    ValueError: there are no such files.
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
