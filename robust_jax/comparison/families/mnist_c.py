"""MNIST-C, on images like MNIST's."""

import functools

from robust_jax import lookup
from robust_jax.comparison.transformation import Family, Shapes, Transformation
from robust_jax.corruptions import suites

_SHAPE = (28, 28, 1)


def mnist_c(shapes: Shapes) -> Family:
  """Its fifteen, each at its one strength; for gray images of 28 x 28 pixels.

  Source: Mu and Gilmer 2019.
  """
  about = (
    "The fifteen changes of MNIST-C, each at its one strength, for gray images "
    "of 28 x 28 pixels."
  )
  if set(shapes) != {_SHAPE}:
    return Family(about, ())
  return Family(
    about,
    [
      Transformation(
        name,
        functools.partial(lookup.find("corruptions", name), **setting.options),
        (setting.severity,),
        ("the strength of MNIST-C",),
      )
      for name, setting in suites.MNIST_C.items()
      if name != "identity"  # one of the invariance tests
    ],
  )
