"""Perturbation sequences: images that change gradually from frame to frame.

A sequence is a function `(keys, x) -> frames` made by `base.sequence`;
`suites` lists those of ImageNet-P. The module `statistics.prediction_stability`
measures how often predictions change from frame to frame.
"""

from robust_jax.corruptions.sequences.blur import (
  gaussian_blur,
  motion_blur,
  zoom_blur,
)
from robust_jax.corruptions.sequences.geometry import (
  rotate,
  scale,
  shear,
  tilt,
  translate,
)
from robust_jax.corruptions.sequences.noise import (
  gaussian_noise,
  shot_noise,
  speckle_noise,
)
from robust_jax.corruptions.sequences.weather import brightness, snow, spatter

__all__ = [
  "brightness",
  "gaussian_blur",
  "gaussian_noise",
  "motion_blur",
  "rotate",
  "scale",
  "shear",
  "shot_noise",
  "snow",
  "spatter",
  "speckle_noise",
  "tilt",
  "translate",
  "zoom_blur",
]
