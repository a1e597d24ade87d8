"""Mirror images, upside down too."""

import numpy as np

from robust_jax.comparison.transformation import Family, Shapes, Transformation

_AXES = {"horizontal": (2,), "vertical": (1,), "both": (1, 2)}
_WORDS = {
  "horizontal": "left and right exchanged",
  "vertical": "top and bottom exchanged",
  "both": "turned upside down",
}


def flips(shapes: Shapes) -> Family:
  """Left and right exchanged, top and bottom, and both.

  Taken by name alone: of many things the mirror image is another thing, and of
  most there are no pictures upside down.
  """
  del shapes
  return Family(
    "Mirror images: left and right exchanged, top and bottom, and both.",
    [
      Transformation(
        name,
        lambda images, _, axes=axes: np.flip(images, axes),
        (1,),
        (_WORDS[name],),
        on_host=True,
      )
      for name, axes in _AXES.items()
    ],
    by_default=False,
  )
