"""Map of changed predictions under shifts by whole pixels."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from robust_jax.comparison.families.pixel_shift import REACH, shift_name
from robust_jax.comparison.model import CLEAN


def pixel_shift_map(
  classes: Mapping[str, Mapping[str, np.ndarray]],
) -> dict[str, Any] | None:
  """Returns a table over shifts for each model; None without these cases.

  Args:
    classes: model -> name of the case -> int `[N]`.

  Returns:
    A map for `html_report`: `title`, `about`, `dx` to the right and `dy` down
    in
    pixels, and `models`: name -> rows (dy) of columns (dx), in percent.
  """
  ways = list(range(-REACH, REACH + 1))
  tables = {}
  for name, predictions in classes.items():
    table = np.zeros((len(ways), len(ways)))
    for (i, dy), (j, dx) in itertools.product(enumerate(ways), enumerate(ways)):
      case = f"pixel_shift/{shift_name(dx, dy)}/{max(abs(dx), abs(dy))}"
      if dx or dy:
        if case not in predictions:
          return None
        table[i, j] = 100 * np.mean(predictions[case] != predictions[CLEAN])
    tables[name] = table.tolist()
  return {
    "title": "Predictions that change when the image is shifted",
    "about": "Fraction of images (%) whose prediction differs from that for "
    "the clean image, correct or not",
    "dx": ways,
    "dy": ways,
    "models": tables,
  }
