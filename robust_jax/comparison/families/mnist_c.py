"""MNIST-C, for images like those of MNIST."""

import functools

from robust_jax import lookup
from robust_jax.comparison.transformation import Family, Shapes, Transformation
from robust_jax.corruptions import suites
from robust_jax.corruptions.point_maps import point_map

_SHAPE = (28, 28, 1)


def mnist_c(shapes: Shapes) -> Family:
  """The fifteen corruptions of MNIST-C, for gray images of 28 x 28 pixels.

  Args:
    shapes: shapes of the images.

  Source: Mu and Gilmer 2019.

  Example:
    >>> from robust_jax.comparison import families
    >>> len(families.mnist_c([(28, 28, 1)]).transformations)
    15
  """
  about = (
    "The fifteen corruptions of MNIST-C, each at its one severity, for gray "
    "images of 28 x 28 pixels."
  )
  if set(shapes) != {_SHAPE}:
    return Family(about, ())
  return Family(
    about,
    [
      Transformation(
        name,
        functools.partial(lookup.find("corruptions", name), **one.options),
        (one.severity,),
        ("the severity of MNIST-C",),
        moves=point_map(name, **one.options),
      )
      for name, one in suites.MNIST_C.items()
      if name != "identity"  # one of the invariance tests
    ],
  )
