"""Photometric changes, as by another exposure."""

import numpy as np

from robust_jax.comparison.transformation import Family, Shapes, Transformation
from robust_jax.corruptions import constants
from robust_jax.corruptions.base import corruption

_LESS = (10, 20, 30, 45, 60)  # percent
_MORE = (10, 25, 50, 75, 100)  # percent


def photometric(shapes: Shapes) -> Family:
  """Brightness and contrast, less and more of each.

  Args:
    shapes: shapes of the images.

  Example:
    >>> from robust_jax.comparison import families
    >>> [t.name for t in families.photometric([(28, 28, 1)]).transformations]
    ['darker', 'brighter', 'less_contrast', 'more_contrast']
  """
  del shapes
  less = [f"{fraction} % less" for fraction in _LESS]
  more = [f"{fraction} % more" for fraction in _MORE]
  return Family(
    "Darker, brighter, with less or more contrast, as by another exposure.",
    [
      Transformation("darker", _darker, labels=less),
      Transformation("brighter", _brighter, labels=more),
      Transformation("less_contrast", _less_contrast, labels=less),
      Transformation("more_contrast", _more_contrast, labels=more),
    ],
  )


@corruption
def _darker(keys, x, level):
  del keys
  return x * constants.pick(1 - np.array(_LESS) / 100, level)


@corruption
def _brighter(keys, x, level):
  del keys
  return x * constants.pick(1 + np.array(_MORE) / 100, level)


@corruption
def _less_contrast(keys, x, level):
  del keys
  return _about_mean(x, constants.pick(1 - np.array(_LESS) / 100, level))


@corruption
def _more_contrast(keys, x, level):
  del keys
  return _about_mean(x, constants.pick(1 + np.array(_MORE) / 100, level))


def _about_mean(x, factor):
  """Scales the contrast about the mean of all channels, which keeps hues."""
  mean = x.mean(axis=(1, 2, 3), keepdims=True)
  return (x - mean) * factor + mean
