"""Flips along both axes."""

import numpy as np

from robust_jax.comparison.transformation import Family, Shapes, Transformation

_AXES = {"horizontal": (2,), "vertical": (1,), "both": (1, 2)}
_WORDS = {
  "horizontal": "left and right exchanged",
  "vertical": "top and bottom exchanged",
  "both": "turned upside down",
}


def flips(shapes: Shapes) -> Family:
  """Horizontal flip, vertical flip, and both.

  Used only where it is named: many objects have a different mirror image, and
  most are never seen upside down.

  Args:
    shapes: shapes of the images.

  Example:
    >>> from robust_jax.comparison import families
    >>> [t.name for t in families.flips([(28, 28, 1)]).transformations]
    ['horizontal', 'vertical', 'both']
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
