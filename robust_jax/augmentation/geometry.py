"""Geometric augmentations: flips, crops and a square that is cut out."""

import jax
import jax.numpy as jnp

from robust_jax import checks, perturbations
from robust_jax.augmentation.perturb import perturb
from robust_jax.perturbations import bilinear
from robust_jax.perturbations.bilinear import Padding
from robust_jax.types import Array, Augmentation, Key

_AXES = {
  (True, False): "horizontal",
  (False, True): "vertical",
  (True, True): "both",
}


def flip(*, horizontal: bool = True, vertical: bool = False) -> Augmentation:
  """Left and right exchanged with probability 1/2; top and bottom likewise.

  Raises:
    ValueError: neither is asked for.
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
  """Padded by so many pixels on all sides and cropped at a random place.

  That is a shift by up to `padding` whole pixels along each axis.

  Args:
    padding: in pixels.
    border: "zero" or "edge", what the frame shows.

  Source: Lee et al. 2015, "Deeply-Supervised Nets", the usual augmentation of
  CIFAR, with 4 pixels.
  """
  return perturb(perturbations.shift(padding, padding=border))


def resized_crop(
  area: tuple[float, float] = (0.25, 1.0),
  ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Augmentation:
  """A window of random area, shape and place, resized to the whole image.

  The area is uniform, the logarithm of width over height too, and the place is
  uniform within the image. Bilinear, without a filter against aliases, which
  what is enlarged does not need.

  Args:
    area: least and largest fraction of the image's.
    ratio: least and largest width over height.

  Raises:
    ValueError: a range is empty or not positive, or an area above 1.

  Source: Szegedy et al. 2015, "Going deeper with convolutions", whose area
  begins at 0.08. Deviation: a side that would be longer than the image is cut
  to it, where the usual code draws again.
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
    # Ratios are of pixels, fractions of sides: an image may not be square.
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
        f"{name} = {(low, high)}: expected 0 < least <= largest."
      )
  if area[1] > 1:
    raise ValueError(
      f"area = {area}: expected no more than 1, the whole image."
    )


def _places(x: Array, corner: Array, size: Array) -> tuple[Array, Array]:
  """Where each pixel of the result is in x; corner and size are fractions."""
  places = []
  for axis, pixel in enumerate(bilinear.pixels(x)):
    length = x.shape[1 + axis]
    fraction = (pixel + 0.5) / length
    first, part = (v[:, axis, None, None] for v in (corner, size))
    places.append((first + fraction * part) * length - 0.5)
  return tuple(jnp.broadcast_to(place, x.shape[:3]) for place in places)


def cutout(size: int = 16, fill: float = 0.5) -> Augmentation:
  """A square of one gray value about a random pixel of each image.

  Near the border a part of it falls outside, so that some images stay nearly
  whole.

  Args:
    size: of its sides, in pixels; 16 for CIFAR-10 in the paper, 8 for
      CIFAR-100.
    fill: the value, in [0, 1]. The paper takes 0 after normalization, which is
      the mean of the data.

  Raises:
    ValueError: the size is below 1, or the value not in [0, 1].

  Source: DeVries and Taylor 2017, "Improved Regularization of Convolutional
  Neural Networks with Cutout".
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
  """`[B, length]`: the pixels of an axis that the square covers."""
  middle = jax.random.randint(key, (batch, 1), 0, length)
  offset = jnp.arange(length) - (middle - size // 2)
  return (offset >= 0) & (offset < size)


def random_erasing(
  probability: float = 0.5,
  area: tuple[float, float] = (0.02, 0.4),
  ratio: tuple[float, float] = (0.3, 1 / 0.3),
) -> Augmentation:
  """Random erasing: a rectangle of random area, shape and place becomes noise.

  With S uniform in `area` times the image's and r uniform in `ratio`, the
  rectangle is `sqrt(S r)` high and `sqrt(S / r)` wide, in whole pixels; its
  place is uniform in the image, its pixels uniform in [0, 1].

  Args:
    probability: of an image to be erased from, in [0, 1].
    area: least and largest fraction of the image's.
    ratio: least and largest height over width.

  Raises:
    ValueError: the probability is not in [0, 1], a range is empty or not
      positive, or an area above 1.

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> augment = augmentation.random_erasing(probability=1.0)
    >>> augment(jax.random.key(0), jax.numpy.ones((2, 8, 8, 3))).shape
    (2, 8, 8, 3)

  Source: Zhong et al. 2020, "Random erasing data augmentation", algorithm 1,
  with random values. Deviation: a side that would be longer than the image is
  cut to it, where the paper draws again.
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
  """`[B, length]`: about `size [B, 1]` pixels in a row, at any place."""
  size = jnp.clip(jnp.round(size), 1, length)
  places = length - size + 1
  first = jnp.floor(jax.random.uniform(key, size.shape) * places)
  offset = jnp.arange(length) - jnp.minimum(first, length - size)
  return (offset >= 0) & (offset < size)
