"""Common corruptions: random changes of images that no adversary chose.

A corruption is a function `(keys, x, severity) -> x'` made by
`base.corruption` and compiled once for all severities; to add one, see
docs/adding_a_corruption.md. `random.image_keys` makes the keys, `suites` lists
the corruptions of ImageNet-C and MNIST-C, and `sequences` holds images that
change gradually over frames.
"""

from robust_jax.corruptions.blur import (
  defocus_blur,
  gaussian_blur,
  motion_blur,
  zoom_blur,
)
from robust_jax.corruptions.digital import (
  color_quant,
  contrast,
  pixelate,
  saturate,
)
from robust_jax.corruptions.elastic_transform import elastic_transform
from robust_jax.corruptions.geometry import (
  rotate,
  scale,
  shear,
  translate,
)
from robust_jax.corruptions.glass_blur import glass_blur
from robust_jax.corruptions.jpeg_compression import jpeg_compression
from robust_jax.corruptions.mnist_c import (
  canny_edges,
  dotted_line,
  identity,
  stripe,
  zigzag,
)
from robust_jax.corruptions.noise import (
  gaussian_noise,
  impulse_noise,
  shot_noise,
  speckle_noise,
)
from robust_jax.corruptions.spatter import spatter
from robust_jax.corruptions.weather import brightness, fog, frost, snow

__all__ = [
  "brightness",
  "canny_edges",
  "color_quant",
  "contrast",
  "defocus_blur",
  "dotted_line",
  "elastic_transform",
  "fog",
  "frost",
  "gaussian_blur",
  "gaussian_noise",
  "glass_blur",
  "identity",
  "impulse_noise",
  "jpeg_compression",
  "motion_blur",
  "pixelate",
  "rotate",
  "saturate",
  "scale",
  "shear",
  "shot_noise",
  "snow",
  "spatter",
  "speckle_noise",
  "stripe",
  "translate",
  "zigzag",
  "zoom_blur",
]
