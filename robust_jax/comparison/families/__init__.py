"""Families of transformations under which models are compared.

A family is a function `(shapes) -> Family` of the shapes (H, W, C) of the
images. To add one, write a module and add its name to `__all__` below;
`comparison.cases` finds it there.
"""

from robust_jax.comparison.families.adversarial import adversarial
from robust_jax.comparison.families.corruptions import (
  blur,
  digital,
  noise,
  weather,
)
from robust_jax.comparison.families.flips import flips
from robust_jax.comparison.families.geometry import geometry
from robust_jax.comparison.families.invariance_tests import (
  invariance_tests,
)
from robust_jax.comparison.families.mnist_c import mnist_c
from robust_jax.comparison.families.photometric import photometric
from robust_jax.comparison.families.pixel_shift import pixel_shift

__all__ = [
  "adversarial",
  "blur",
  "digital",
  "flips",
  "geometry",
  "invariance_tests",
  "mnist_c",
  "noise",
  "photometric",
  "pixel_shift",
  "weather",
]
