"""Corruptions of one image in numpy, SciPy and Pillow, from their definitions.

Slow and plain, in float64, each `(x, row, *draws) -> x'` with x `[H, W, C]` in
[0, 1] and row what the severity's constants are. Random ones are handed the
numbers that the JAX version has drawn. Not yet cut to [0, 1] nor truncated.
"""

import io
import itertools
import math

import numpy as np
from PIL import Image
from scipy import ndimage

# What the severities are at two sizes of images.
CONSTANTS = {
  224: {
    "gaussian_noise": [0.08, 0.12, 0.18, 0.26, 0.38],
    "shot_noise": [60, 25, 12, 5, 3],
    "impulse_noise": [0.03, 0.06, 0.09, 0.17, 0.27],
    "speckle_noise": [0.15, 0.2, 0.35, 0.45, 0.6],
    "gaussian_blur": [1, 2, 3, 4, 6],
    "glass_blur": [
      (0.7, 1, 2),
      (0.9, 2, 1),
      (1, 2, 3),
      (1.1, 3, 2),
      (1.5, 4, 2),
    ],
    "defocus_blur": [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)],
    "motion_blur": [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)],
    "zoom_blur": [
      (1.11, 0.01),
      (1.16, 0.01),
      (1.21, 0.02),
      (1.26, 0.02),
      (1.31, 0.03),
    ],
    "snow": [
      (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
      (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
      (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
      (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
      (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ],
    "frost": [(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)],
    "fog": [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)],
    "spatter": [
      (0.65, 0.3, 4, 0.69, 0.6),
      (0.65, 0.3, 3, 0.68, 0.6),
      (0.65, 0.3, 2, 0.68, 0.5),
      (0.65, 0.3, 1, 0.65, 1.5),
      (0.67, 0.4, 1, 0.65, 1.5),
    ],
    "contrast": [0.4, 0.3, 0.2, 0.1, 0.05],
    "brightness": [0.1, 0.2, 0.3, 0.4, 0.5],
    "saturate": [(0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)],
    "jpeg_compression": [25, 18, 15, 10, 7],
    "pixelate": [0.6, 0.5, 0.4, 0.3, 0.25],
    "elastic_transform": np.array(
      [
        (2, 0.7, 0.1),
        (2, 0.08, 0.2),
        (0.05, 0.01, 0.02),
        (0.07, 0.01, 0.02),
        (0.12, 0.01, 0.02),
      ]
    )
    * 244
    / 224,
  },
  32: {
    "gaussian_noise": [0.04, 0.06, 0.08, 0.09, 0.10],
    "shot_noise": [500, 250, 100, 75, 50],
    "impulse_noise": [0.01, 0.02, 0.03, 0.05, 0.07],
    "speckle_noise": [0.06, 0.1, 0.12, 0.16, 0.2],
    "gaussian_blur": [0.4, 0.6, 0.7, 0.8, 1],
    "glass_blur": [
      (0.05, 1, 1),
      (0.25, 1, 1),
      (0.4, 1, 1),
      (0.25, 1, 2),
      (0.4, 1, 2),
    ],
    "defocus_blur": [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
    "motion_blur": [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
    "zoom_blur": [
      (1.06, 0.01),
      (1.11, 0.01),
      (1.16, 0.01),
      (1.21, 0.01),
      (1.26, 0.01),
    ],
    "snow": [
      (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
      (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
      (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
      (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
      (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ],
    "frost": [(1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)],
    "fog": [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)],
    "spatter": [
      (0.62, 0.1, 0.7, 0.7, 0.5),
      (0.65, 0.1, 0.8, 0.7, 0.5),
      (0.65, 0.3, 1, 0.69, 0.5),
      (0.65, 0.1, 0.7, 0.69, 0.6),
      (0.65, 0.1, 0.5, 0.68, 0.6),
    ],
    "contrast": [0.75, 0.5, 0.4, 0.3, 0.15],
    "brightness": [0.05, 0.1, 0.15, 0.2, 0.3],
    "saturate": [(0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)],
    "jpeg_compression": [80, 65, 58, 50, 40],
    "pixelate": [0.95, 0.9, 0.85, 0.75, 0.65],
    "elastic_transform": [
      (0, 0, 0.08),
      (0.05, 0.2, 0.07),
      (0.08, 0.06, 0.06),
      (0.1, 0.04, 0.05),
      (0.1, 0.03, 0.03),
    ],
  },
}


# What MNIST-C alone has: the constants of its one severity.
MNIST_C = {
  "identity": (),
  "shear": (0.4,),
  "scale": (0.7,),
  "rotate": (0.4,),
  "translate": (3,),
  "stripe": (),
  "dotted_line": (),
  "zigzag": (),
  "canny_edges": (),
}


def identity(x):
  return x


def gaussian_noise(x, sigma, noise):
  return x + sigma * noise


def shot_noise(x, photons, counts):
  return counts / photons


def speckle_noise(x, sigma, noise):
  return x * (1 + sigma * noise)


def impulse_noise(x, fraction, u):
  y = x.copy()
  y[u < fraction / 2] = 0
  y[u >= 1 - fraction / 2] = 1
  return y


def gaussian(x, sigma, mode="nearest", truncate=4.0):
  axes = (sigma, sigma, 0)[: x.ndim]
  return ndimage.gaussian_filter(x, axes, mode=mode, truncate=truncate)


gaussian_blur = gaussian


def defocus_blur(x, row):
  radius, sigma = row
  extent, taps = (8, 1) if radius <= 8 else (int(radius), 2)
  grid = np.arange(-extent, extent + 1)
  disk = np.add.outer(grid**2, grid**2) <= radius**2
  rim = np.exp(-(np.arange(-taps, taps + 1) ** 2) / (2 * sigma**2))
  kernel = disk / disk.sum()
  for axis in (0, 1):
    kernel = ndimage.correlate1d(kernel, rim / rim.sum(), axis, mode="mirror")
  return ndimage.correlate(x, kernel[..., None], mode="mirror")


def glass_blur(x, row, offsets, chosen=None):
  y = truncated(gaussian(x, row[0]))
  shuffle(y, int(row[1]), int(row[2]), offsets, chosen)
  return gaussian(y, row[0])


def shuffle(y, reach, passes, offsets, chosen=None):
  """In place; with `chosen` pixels are exchanged, as in MNIST-C."""
  height, width = y.shape[:2]
  for i, h, w in itertools.product(
    range(passes),
    range(height - reach, reach, -1),
    range(width - reach, reach, -1),
  ):
    down, right = offsets[i, h, w]
    there = y[h + down, w + right].copy()
    if chosen is None:
      y[h, w] = there
    elif chosen[i, h, w]:
      y[h + down, w + right] = y[h, w]
      y[h, w] = there


def motion_blur(x, row, angle):
  radius, sigma = row
  taps = np.arange(2 * int(radius) + 1)
  weights = np.exp(-(taps**2) / (2 * sigma**2))
  height, width = x.shape[:2]
  y = np.zeros_like(x)
  for tap, weight in zip(taps, weights / weights.sum(), strict=True):
    down = math.ceil(tap * math.sin(math.radians(angle)) - 0.5)
    right = math.ceil(tap * math.cos(math.radians(angle)) - 0.5)
    rows = np.clip(np.arange(height) + down, 0, height - 1)
    columns = np.clip(np.arange(width) + right, 0, width - 1)
    y += weight * x[rows][:, columns]
  return y


def zoom(x, factor):
  height, width = x.shape[:2]
  high, wide = math.ceil(height / factor), math.ceil(width / factor)
  top, left = (height - high) // 2, (width - wide) // 2
  middle = x[top : top + high, left : left + wide]
  # Beyond the border by a rounding error, SciPy would see black.
  large = ndimage.zoom(middle, (factor, factor, 1), order=1, mode="nearest")
  top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
  return large[top : top + height, left : left + width]


def zoom_blur(x, bounds):
  factors = np.arange(1, *bounds)
  return (x + sum(zoom(x, f) for f in factors)) / (len(factors) + 1)


def snow(x, row, noise, angle):
  mean, deviation, factor, threshold, radius, sigma, colors = row
  layer = zoom((mean + deviation * noise)[..., None], factor)
  layer = truncated(np.where(layer < threshold, 0, layer))
  layer = motion_blur(layer, (radius, sigma), angle)
  layer = np.round(layer * 255) / 255
  gray = luma(x)
  pale = np.maximum(x, 1.5 * gray + 0.5)
  return colors * x + (1 - colors) * pale + layer + np.rot90(layer, 2)


def frost(x, row, picture):
  return row[0] * x + row[1] * picture


def fog(x, row, noise):
  thickness, decay = row
  cloud = diamond_square(noise, decay)[: x.shape[0], : x.shape[1], None]
  return (x + thickness * cloud) * x.max() / (x.max() + thickness)


def diamond_square(noise, decay):
  """In one array, strides halved; noise is a list of `[3, n, n]`."""
  side = 2 << (len(noise) - 1)
  y = np.zeros((side, side))
  step, strength = side, 1.0
  for middle, in_rows, in_columns in noise:
    half, all_, odd = (
      step // 2,
      slice(0, None, step),
      slice(step // 2, None, step),
    )
    mean = lambda *places: (
      sum(np.take(y, r % side, 0)[:, c % side] for r, c in places) / 4
    )
    at = np.arange(0, side, step)
    corners = [(at + i, at + j) for i in (0, step) for j in (0, step)]
    y[odd, odd] = mean(*corners) + strength * middle
    on = at + half
    sides = [(at, at), (at, at + step), (at - half, on), (at + half, on)]
    y[all_, odd] = mean(*sides) + strength * in_rows
    sides = [(at, at), (at + step, at), (on, at - half), (on, at + half)]
    y[odd, all_] = mean(*sides) + strength * in_columns
    step, strength = half, strength / decay**2
  return (y - y.min()) / (y.max() - y.min())


def brightness(x, more):
  if x.shape[-1] == 1:
    return x + more
  return _through_hsv(x, lambda h, s, v: (h, s, min(v + more, 1)))


def saturate(x, row):
  change = lambda h, s, v: (h, min(max(s * row[0] + row[1], 0), 1), v)
  return _through_hsv(x, change)


def _through_hsv(x, change):
  import colorsys

  y = [
    colorsys.hsv_to_rgb(*change(*colorsys.rgb_to_hsv(*pixel)))
    for pixel in x.reshape(-1, 3)
  ]
  return np.reshape(y, x.shape)


def contrast(x, kept):
  mean = x.mean(axis=(0, 1))
  return (x - mean) * kept + mean


def elastic_transform(x, row, points, noise):
  strength, sigma, jitter = np.asarray(row) * min(x.shape[:2])
  height, width = x.shape[:2]
  side = min(height, width) // 3
  center = np.array([width // 2, height // 2])
  before = center + side * np.array([[1, 1], [1, -1], [-1, -1]])
  after = before + jitter * points
  # [columns, rows, 1] of the result times this: columns and rows of x.
  back = np.linalg.solve(np.column_stack([after, np.ones(3)]), before)
  rows, columns = np.indices((height, width)).astype(float)
  ones = np.ones_like(rows)
  places = np.stack([columns, rows, ones], -1) @ back
  x = _read(x, places[..., 1], places[..., 0], "mirror")
  field = strength * gaussian(noise, sigma, "reflect", 3.0)
  return _read(x, rows + field[..., 1], columns + field[..., 0], "reflect")


def _read(x, rows, columns, mode):
  planes = [
    ndimage.map_coordinates(x[..., c], [rows, columns], order=1, mode=mode)
    for c in range(x.shape[-1])
  ]
  return np.stack(planes, axis=-1)


def pixelate(x, fraction):
  height, width = x.shape[:2]
  small = _pillow(x).resize(
    (int(width * fraction), int(height * fraction)), Image.BOX
  )
  return _from_pillow(small.resize((width, height), Image.BOX))


def jpeg_compression(x, quality):
  file = io.BytesIO()
  _pillow(x).save(file, "JPEG", quality=int(quality))
  return _from_pillow(Image.open(file))


def spatter(x, row, noise):
  mean, deviation, sigma, threshold, last = row
  layer = gaussian(mean + deviation * noise, sigma)
  layer[layer < threshold] = 0
  water, mud = np.array([[175, 238, 238], [63, 42, 20]]) / 255
  if row in [tuple(r) for c in CONSTANTS.values() for r in c["spatter"][:3]]:
    return x + last * glitter(layer)[..., None] * water[: x.shape[-1]]
  drops = gaussian((layer > threshold).astype(float), last)[..., None]
  drops[drops < 0.8] = 0
  return x * (1 - drops) + drops * mud[: x.shape[-1]]


def glitter(layer):
  levels = np.round(255 * truncated(layer))
  down, right = (ndimage.sobel(levels, axis, mode="nearest") for axis in (0, 1))
  rims = opencv_edges(down, right)
  blurred = ndimage.uniform_filter(knights(rims), 3, mode="mirror")
  relief = equalized(np.floor(blurred + 1e-6).astype(int))
  emboss = [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]
  relief = np.clip(ndimage.correlate(relief, emboss, mode="mirror"), 0, 255)
  relief = np.round(ndimage.uniform_filter(relief, 3, mode="mirror"))
  light = levels * relief
  return light / max(light.max(), 1)


def opencv_edges(down, right):
  """Pixel by pixel, as OpenCV's source decides; borders are flat."""
  steepness = np.pad(abs(down) + abs(right), 1)
  thin = np.zeros(down.shape, bool)
  for (i, j), m in np.ndenumerate(steepness[1:-1, 1:-1]):
    if m <= 50:
      continue
    at = lambda di, dj, i=i, j=j: steepness[1 + i + di, 1 + j + dj]
    slope = abs(down[i, j]) / max(abs(right[i, j]), 1e-9)
    if slope < np.tan(np.pi / 8):
      thin[i, j] = m > at(0, -1) and m >= at(0, 1)
    elif slope > np.tan(3 * np.pi / 8):
      thin[i, j] = m > at(-1, 0) and m >= at(1, 0)
    else:
      side = 1 if (down[i, j] < 0) == (right[i, j] < 0) else -1
      thin[i, j] = m > at(-1, -side) and m > at(1, side)
  return connected(thin, steepness[1:-1, 1:-1] > 150)


def knights(rims):
  """Distances by steps of 1, 1.4 and 2.1969 pixels, 20 at most."""
  reach = np.arange(-20, 21)
  short, long = np.sort(abs(np.stack(np.meshgrid(reach, reach))), axis=0)
  flat = 2 * short <= long
  costs = np.where(
    flat,
    long - 2 * short + 2.1969 * short,
    1.4 * (2 * short - long) + 2.1969 * (long - short),
  )
  apart = np.full(np.add(rims.shape, 40), 20.0)
  for i, j in np.argwhere(rims):
    place = apart[i : i + 41, j : j + 41]
    np.minimum(place, costs, out=place)
  return apart[20:-20, 20:-20]


def equalized(levels):
  up_to = np.cumsum(np.bincount(levels.ravel(), minlength=256))
  darkest = up_to[levels.min()]
  if darkest == levels.size:
    return levels.astype(float)
  return np.round(255 * (up_to - darkest) / (levels.size - darkest))[levels]


def edges(down, right, steepness, low, high):
  """Canny's, the steepness read one pixel ahead and one behind."""
  length = np.maximum(np.maximum(abs(down), abs(right)), 1e-9)
  rows, columns = np.indices(down.shape)
  thin = steepness >= low
  for side in (1, -1):
    place = [rows + side * down / length, columns + side * right / length]
    beside = ndimage.map_coordinates(
      steepness, place, order=1, mode="grid-constant"
    )
    thin &= beside <= steepness + 1e-9
  return connected(thin, steepness >= high)


def connected(thin, strong):
  labels, _ = ndimage.label(thin, np.ones((3, 3)))
  return thin & np.isin(labels, np.unique(labels[thin & strong]))


def canny_edges(x):
  ones = np.ones(x.shape[:2])
  inside = lambda y: ndimage.gaussian_filter(y, 1.0, mode="constant")
  gray = inside(x[..., 0]) / inside(ones)
  down, right = (ndimage.sobel(gray, axis) for axis in (0, 1))
  steepness = np.hypot(down, right)
  border = np.pad(np.zeros(np.subtract(ones.shape, 2)), 1, constant_values=1)
  low = np.where(border, np.inf, 0.1)
  return edges(down, right, steepness, low, 0.2)[..., None].astype(float)


def stripe(x):
  y = x.copy()
  y[:, :7], y[:, 21:] = 1 - y[:, :7], 1 - y[:, 21:]
  return y


def line(start, end):
  """On 28 x 28 pixels; start and end are (row, column)."""
  (row, column), (end_row, end_column) = start, end
  y = np.zeros((28, 28))
  for i, j in itertools.product(range(28), range(28)):
    apart = abs(
      i - row - (end_row - row) / (end_column - column) * (j - column)
    )
    if math.floor(column) <= j < math.ceil(end_column) and apart < 2.3:
      y[i, j] = max(math.log(1 - apart / 2.3) + 1, 0)
  return y[..., None]


def dotted_line(x, left, right):
  dots = line((left, 0), (right, 27))
  for first in range(0, 28, 4):
    dots[:, first : first + 2] = 0
  return x + dots


def zigzag(x, row, rise):
  delta = math.atan(rise / 23)
  length = 23 / math.cos(delta)
  points = [(0, 0), *((4 * i + 2, 2 * (-1) ** i) for i in range(6))]
  points.append((length, points[-1][1] / (2 * (length - 20))))
  cos, sin = math.cos(delta), math.sin(delta)
  turned = [(row + sin * a + cos * b, 2 + cos * a - sin * b) for a, b in points]
  for start, end in itertools.pairwise(turned):
    x = np.clip(x + line(start, end), 0, 1)
  return x


def rotate(x, angle, side):
  cos, sin = math.cos(side * angle), math.sin(side * angle)
  return _about_center(x, [[cos, -sin], [sin, cos]])


def shear(x, angle, side):
  return _about_center(x, [[1, -math.sin(side * angle)], [0, math.cos(angle)]])


def scale(x, fraction):
  return _about_center(x, np.eye(2) / fraction)


def translate(x, pixels, sides):
  height, width = x.shape[:2]
  return _about_center(x, np.eye(2), pixels * sides * [width / 28, height / 28])


def _about_center(x, matrix, shift=(0, 0)):
  """Reads x at matrix (column, row) from the center; black outside."""
  rows, columns = np.indices(x.shape[:2])
  middle = (np.array([x.shape[1], x.shape[0]]) - 1) / 2
  places = (np.stack([columns, rows], -1) - middle) @ np.transpose(matrix)
  places += middle + shift
  return _read(x, places[..., 1], places[..., 0], "grid-constant")


def luma(x):
  if x.shape[-1] == 1:
    return x
  return x @ np.array([[0.299], [0.587], [0.114]])


def truncated(x):
  # As much as the JAX version adds: what is a level but for rounding is one.
  return np.floor(np.clip(x, 0, 1) * 255 + 1e-3) / 255


def _pillow(x):
  levels = np.round(255 * x).astype(np.uint8)
  return Image.fromarray(levels[..., 0] if x.shape[-1] == 1 else levels)


def _from_pillow(image):
  levels = np.asarray(image)
  return (levels[..., None] if levels.ndim == 2 else levels) / 255
