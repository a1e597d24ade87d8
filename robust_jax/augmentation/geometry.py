"""Geometric augmentations: flips, crops and cutout."""

from typing import Literal

import jax
import jax.numpy as jnp

from robust_jax import checks, perturbations
from robust_jax.augmentation.perturb import perturb
from robust_jax.perturbations import bilinear
from robust_jax.perturbations.bilinear import Padding
from robust_jax.types import Array, Augmentation, Key

_AXES: dict[tuple[bool, bool], Literal["horizontal", "vertical", "both"]] = {
  (True, False): "horizontal",
  (False, True): "vertical",
  (True, True): "both",
}


def flip(*, horizontal: bool = True, vertical: bool = False) -> Augmentation:
  """Random flips, along each chosen axis with probability 1/2.

  Args:
    horizontal: whether left and right may be exchanged.
    vertical: whether top and bottom may be exchanged.

  Returns:
    An `Augmentation`.

  Raises:
    ValueError: both are False.

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> x = jax.numpy.tile(jax.numpy.arange(2.0)[:, None], (200, 1, 1, 1))
    >>> y = jax.jit(augmentation.flip())(jax.random.key(0), x)
    >>> bool(70 < y[:, 0, 0, 0].sum() < 130)
    True
  """
  if (horizontal, vertical) not in _AXES:
    raise ValueError(
      "flip with neither horizontal nor vertical: expected at least one of "
      "both."
    )
  reflections = _AXES[horizontal, vertical]
  return perturb(perturbations.shift(0, flip=reflections))


def pad_crop(
  padding: Array | int = 4, *, border: Padding = "zero"
) -> Augmentation:
  """Pads images on all sides and crops them at a random position.

  This is a random shift by up to `padding` whole pixels along each axis.

  Args:
    padding: padding in pixels.
    border: "zero" or "edge", the values of the padding.

  Returns:
    An `Augmentation`.

  Source: Lee et al. 2015, "Deeply-Supervised Nets": the standard augmentation
    of CIFAR, with 4 pixels.

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> x = jax.numpy.zeros((1, 9, 9, 1)).at[:, 4, 4].set(1.0)
    >>> y = jax.jit(augmentation.pad_crop(2))(jax.random.key(0), x)
    >>> round(y[:, 2:7, 2:7].sum().item(), 3)  # moved by 2 pixels at most
    1.0
  """
  return perturb(perturbations.shift(padding, padding=border))


def resized_crop(
  area: tuple[float, float] = (0.25, 1.0),
  ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Augmentation:
  """Random resized crop: a random window, resized to the size of the image.

  The area and the logarithm of the aspect ratio are uniform, and so is the
  position within the image. Bilinear, without an antialiasing filter, which
  enlargement does not need.

  Args:
    area: smallest and largest fraction of the image's area.
    ratio: smallest and largest aspect ratio, width over height.

  Returns:
    An `Augmentation`.

  Raises:
    ValueError: a range is empty or not positive, or an area exceeds 1.

  Source: Szegedy et al. 2015, "Going deeper with convolutions", where areas
    begin at 0.08.
  Deviation: a side longer than the image is clipped to it, where the usual code
    draws again.

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> augment = augmentation.resized_crop(area=(0.5, 1.0))
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.5)
    >>> jax.eval_shape(augment, jax.random.key(0), x).shape
    (2, 8, 8, 3)
  """
  _check_ranges(area, ratio)

  def augment(key: Key, x: Array) -> Array:
    keys = jax.random.split(key, 3)
    shape = x.shape[:1]
    fraction = jax.random.uniform(
      keys[0], shape, minval=area[0], maxval=area[1]
    )
    low, high = jnp.log(jnp.asarray(ratio))
    wide = jnp.exp(jax.random.uniform(keys[1], shape, minval=low, maxval=high))
    # The ratio is in pixels, but sides are fractions of an image's own sides.
    of_image = x.shape[2] / x.shape[1]
    height = jnp.minimum(jnp.sqrt(fraction / wide * of_image), 1.0)
    width = jnp.minimum(jnp.sqrt(fraction * wide / of_image), 1.0)
    size = jnp.stack([height, width], axis=1)
    corner = jax.random.uniform(keys[2], size.shape) * (1 - size)
    return bilinear.warp(x, *_places(x, corner, size), "edge")

  return augment


def _check_ranges(area: tuple[float, float], ratio: tuple[float, float]):
  for name, (low, high) in {"area": area, "ratio": ratio}.items():
    if not 0 < low <= high:
      raise ValueError(
        f"{name} = {(low, high)}: expected 0 < smallest <= largest."
      )
  if area[1] > 1:
    raise ValueError(
      f"area = {area}: expected no more than 1, the whole image."
    )


def _places(x: Array, corner: Array, size: Array) -> tuple[Array, Array]:
  """Returns source coordinates of pixels; corner and size are fractions."""
  places: list[Array] = []
  for axis, pixel in enumerate(bilinear.pixels(x)):
    length = x.shape[1 + axis]
    fraction = (pixel + 0.5) / length
    first, part = (v[:, axis, None, None] for v in (corner, size))
    places.append((first + fraction * part) * length - 0.5)
  rows, columns = (jnp.broadcast_to(place, x.shape[:3]) for place in places)
  return rows, columns


def cutout(size: int = 16, fill: float = 0.5) -> Augmentation:
  """Cutout: covers a random square of each image with one gray value.

  The center of the square is a random pixel. Near the border part of the square
  is outside, so some images stay nearly complete.

  Args:
    size: side of the square in pixels; the paper uses 16 for CIFAR-10 and 8 for
      CIFAR-100.
    fill: value of the square in [0, 1]. The paper uses 0 after normalization,
      the mean of the data.

  Returns:
    An `Augmentation`.

  Raises:
    ValueError: size is below 1, or fill is not in [0, 1].

  Source: DeVries and Taylor 2017, "Improved Regularization of Convolutional
    Neural Networks with Cutout".

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> augment = augmentation.cutout(size=2, fill=0.0)
    >>> y = augment(jax.random.key(0), jax.numpy.ones((1, 8, 8, 1)))
    >>> int((y == 0).sum()) <= 4
    True
  """
  checks.at_least_one("size", size)
  checks.non_negative("fill", fill)
  checks.at_most("fill", fill, 1)

  def augment(key: Key, x: Array) -> Array:
    hidden = [
      _band(k, len(x), length, size)
      for k, length in zip(jax.random.split(key), x.shape[1:3], strict=True)
    ]
    square = hidden[0][:, :, None, None] & hidden[1][:, None, :, None]
    return jnp.where(square, jnp.asarray(fill, x.dtype), x)

  return augment


def _band(key: Key, batch: int, length: int, size: int) -> Array:
  """Returns `[B, length]` bool: the pixels of an axis that are covered."""
  middle = jax.random.randint(key, (batch, 1), 0, length)
  offset = jnp.arange(length) - (middle - size // 2)
  return (offset >= 0) & (offset < size)


def random_erasing(
  probability: float = 0.5,
  area: tuple[float, float] = (0.02, 0.4),
  ratio: tuple[float, float] = (0.3, 1 / 0.3),
) -> Augmentation:
  """Random erasing: replaces a random rectangle of the image by noise.

  With S uniform in `area` times that of the image and r uniform in `ratio`, the
  rectangle is `sqrt(S r)` high and `sqrt(S / r)` wide, in whole pixels; its
  position is uniform within the image, its pixels uniform in [0, 1].

  Args:
    probability: probability of erasing from an image, in [0, 1].
    area: smallest and largest fraction of the image's area.
    ratio: smallest and largest height over width.

  Returns:
    An `Augmentation`.

  Raises:
    ValueError: the probability is not in [0, 1], a range is empty or not
      positive, or an area exceeds 1.

  Source: Zhong et al. 2020, "Random erasing data augmentation", algorithm 1,
    with random values.
  Deviation: a side longer than the image is clipped to it, where the paper
    draws again.

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> augment = augmentation.random_erasing(probability=1.0)
    >>> x = jax.numpy.ones((2, 8, 8, 3))
    >>> jax.eval_shape(augment, jax.random.key(0), x).shape
    (2, 8, 8, 3)
  """
  checks.non_negative("probability", probability)
  checks.at_most("probability", probability, 1)
  _check_ranges(area, ratio)

  def augment(key: Key, x: Array) -> Array:
    keys = jax.random.split(key, 6)
    batch, height, width = x.shape[:3]
    draw = lambda k, bounds: jax.random.uniform(
      k, (batch, 1), minval=bounds[0], maxval=bounds[1]
    )
    pixels, tall = height * width * draw(keys[0], area), draw(keys[1], ratio)
    rows = _run(keys[2], height, jnp.sqrt(pixels * tall))
    columns = _run(keys[3], width, jnp.sqrt(pixels / tall))
    is_erased = jax.random.bernoulli(keys[4], probability, (batch, 1))
    inside = (is_erased & rows)[:, :, None, None] & columns[:, None, :, None]
    noise = jax.random.uniform(keys[5], x.shape)
    return jnp.where(inside, noise.astype(x.dtype), x)

  return augment


def _run(key: Key, length: int, size: Array) -> Array:
  """Returns `[B, length]` bool: about `size [B, 1]` pixels in a row."""
  size = jnp.clip(jnp.round(size), 1, length)
  places = length - size + 1
  first = jnp.floor(jax.random.uniform(key, size.shape) * places)
  offset = jnp.arange(length) - jnp.minimum(first, length - size)
  return (offset >= 0) & (offset < size)
