"""Drawing of digits with the fonts that ship with matplotlib."""

import functools
import pathlib
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from robust_jax.data.builders._common import Examples

# All of matplotlib's fonts that have the ten digits.
_FONTS = (
  *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique"),
  *("DejaVuSans-BoldOblique", "DejaVuSansMono", "DejaVuSansMono-Bold"),
  *("DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique", "DejaVuSerif"),
  *("DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
  *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic"),
  *("STIXGeneralBolIta", "cmb10", "cmmi10", "cmr10", "cmss10", "cmti10"),
  "cmtt10",
)
_SCALE = 4  # digits are drawn larger, and averaged over blocks of pixels
_STREET_SIZE = 0.75  # of the digits of a number, relative to a single digit
_MIN_CONTRAST = 0.25  # between the mean of a number's color and the background


def drawn_splits(
  num_examples: Mapping[str, int],
  first_seed: int,
  draw: Callable[[np.ndarray, int], np.ndarray],
) -> dict[str, Examples]:
  """Draws the splits of a dataset, with equally many examples of each class.

  Args:
    num_examples: split -> number of its examples.
    first_seed: seed of the first split; the next has the next.
    draw: (labels `[N]`, seed) -> images, such as `draw_digits`.

  Returns:
    Split -> examples; keys are positions in the order of drawing.
  """
  splits = {}
  for seed, (split, number) in enumerate(num_examples.items(), first_seed):
    labels = np.arange(number) % 10
    splits[split] = Examples(np.arange(number), draw(labels, seed), labels)
  return splits


def draw_digits(labels: np.ndarray, seed: int, size: int) -> np.ndarray:
  """Draws white digits on black in many fonts.

  Font, height, width, place, rotation, slant, thickness and blur of the i-th
  digit are drawn from (seed, i), so the image depends neither on the order nor
  on the process.

  Args:
    labels: int `[N]`, 0..9.
    seed: one per split.
    size: height and width of an image, in pixels.

  Returns:
    uint8 `[N, size, size, 1]`.
  """
  images = [
    _draw(("", str(label), ""), uniforms(seed, i, 9), size, 1.0)
    for i, label in enumerate(labels)
  ]
  return np.stack(images)[..., None]


def draw_street_digits(labels: np.ndarray, seed: int, size: int) -> np.ndarray:
  """Draws colored digits with their neighbors, as on house numbers.

  The labeled digit is in the middle, and another digit may stand on either
  side. Digits and background have random colors of different brightness, the
  background brightens in a random direction, and noise is added. All of it is
  drawn from (seed, i), as in `draw_digits`.

  Args:
    labels: int `[N]`, 0..9.
    seed: one per split.
    size: height and width of an image, in pixels.

  Returns:
    uint8 `[N, size, size, 3]`.

  Source: after the synthetic numbers of Ganin and Lempitsky, "Unsupervised
    Domain Adaptation by Backpropagation", 2015, section 4.1.
  """
  images = [
    _draw_street_digit(str(label), (seed, i), size)
    for i, label in enumerate(labels)
  ]
  return np.stack(images)


def uniforms(seed: int, i: int, number: int) -> list[float]:
  """Returns numbers in [0, 1) that NumPy guarantees never to change."""
  draws = np.random.SeedSequence((seed, i)).generate_state(number, np.uint64)
  return (draws / 2.0**64).tolist()


def _draw_street_digit(label, seed, size):
  pixels = size * size
  u = uniforms(*seed, 20 + pixels)
  # Half of the digits have no neighbor on that side.
  before, after = (str(int(20 * v)) if v < 0.5 else "" for v in u[9:11])
  mask = _draw((before, label, after), u[:9], size, _STREET_SIZE)
  ink = mask[..., None] / 255
  background, color = _colors(np.array(u[11:14]), np.array(u[14:17]))
  image = ink * color + (1 - ink) * (background + _slope(u[17:19], size))
  noise = np.reshape(u[20:], (size, size, 1)) - 0.5
  image += 0.3 * u[19] * noise
  return np.rint(255 * image.clip(0, 1)).astype(np.uint8)


def _colors(background, color):
  """Returns both RGB colors, the second changed if they are too similar."""
  if abs(background.mean() - color.mean()) < _MIN_CONTRAST:
    step = 0.5 if background.mean() < 0.5 else -0.5
    color = (background + step).clip(0, 1)
  return background, color


def _slope(u, size):
  """Returns a brightness `[size, size, 1]` that rises in one direction."""
  rows, columns = np.linspace(-0.5, 0.5, size), np.linspace(-0.5, 0.5, size)
  down, right = _between(u[0], -0.4, 0.4), _between(u[1], -0.4, 0.4)
  return (down * rows[:, None] + right * columns[None, :])[..., None]


def _draw(text, u, size, relative_size):
  """Draws a digit between neighbors by nine numbers in [0, 1).

  Returns:
    uint8 `[size, size]`; the digit is in the middle, but for a shift.
  """
  before, digit, after = text
  canvas = size * _SCALE
  height = round(_between(u[1], 0.8, 1.05) * canvas * relative_size)
  font = _font(_FONTS[int(u[0] * len(_FONTS))], height)
  stroke = round(_between(u[2], 0, 0.04) * canvas)
  left, top, right, bottom = font.getbbox(digit, stroke_width=stroke)
  corner = (
    (canvas - left - right) / 2 - font.getlength(before),
    (canvas - top - bottom) / 2,
  )
  image = Image.new("L", (canvas, canvas))
  ImageDraw.Draw(image).text(
    corner, before + digit + after, 255, font, stroke_width=stroke
  )
  image = image.transform(
    image.size,
    Image.Transform.AFFINE,
    _affine(u[3:8], canvas),
    Image.Resampling.BILINEAR,
  )
  image = image.filter(ImageFilter.GaussianBlur(u[8] * _SCALE))
  return np.asarray(image.resize((size, size), Image.Resampling.BOX))


def _affine(u, canvas):
  """Returns the map from places in the result to places in what was drawn.

  It rotates by up to 0.25 radians, slants by up to 0.4, changes the width by up
  to a quarter, and moves by up to a tenth of the canvas.
  """
  angle, slant = _between(u[0], -0.25, 0.25), _between(u[1], -0.4, 0.4)
  width = _between(u[2], 0.8, 1.25)
  cos, sin = np.cos(angle), np.sin(angle)
  matrix = np.array([[1 / width, slant], [0, 1]]) @ [[cos, -sin], [sin, cos]]
  shift = (np.array(u[3:5]) - 0.5) * (0.2 * canvas)
  offset = canvas / 2 - matrix @ (canvas / 2 + shift)
  return (*matrix[0], offset[0], *matrix[1], offset[1])


def _between(u: float, low: float, high: float) -> float:
  return low + (high - low) * u


@functools.lru_cache(maxsize=4096)
def _font(name, height):
  # Imported here, as only preparing needs matplotlib, which loads slowly.
  import matplotlib

  folder = pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf"
  return ImageFont.truetype(folder / f"{name}.ttf", height)
