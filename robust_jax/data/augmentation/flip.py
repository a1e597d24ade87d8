"""Mirror images."""

from robust_jax import perturbations
from robust_jax.data.augmentation.perturb import perturb
from robust_jax.types import Augmentation

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
      "flip with neither horizontal nor vertical: wanted at least one of both."
    )
  reflections = _AXES[horizontal, vertical]
  return perturb(perturbations.shift(0, flip=reflections))
