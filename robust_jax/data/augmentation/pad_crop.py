"""A frame around the image, and a window of the old size in it."""

from robust_jax import perturbations
from robust_jax.data.augmentation.perturb import perturb
from robust_jax.perturbations.bilinear import Padding
from robust_jax.types import Array, Augmentation


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
