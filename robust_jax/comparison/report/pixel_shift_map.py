"""How often an answer changes when an image is moved by whole pixels."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from robust_jax.comparison.families.pixel_shift import REACH, shift_name
from robust_jax.comparison.model import CLEAN


def pixel_shift_map(
  classes: Mapping[str, Mapping[str, np.ndarray]],
) -> dict[str, Any] | None:
  """For each model, a table over shifts; None if shifts were not asked about.

  Args:
    classes: model -> name of the case -> int `[N]`.

  Returns:
    A map as `html_report` draws any: `title`, `about`, `dx` to the right and
    `dy` down, in pixels, and `models`: name -> rows (dy) of columns (dx), in
    percent.
  """
  ways = list(range(-REACH, REACH + 1))
  tables = {}
  for name, answers in classes.items():
    table = np.zeros((len(ways), len(ways)))
    for (i, dy), (j, dx) in itertools.product(enumerate(ways), enumerate(ways)):
      case = f"pixel_shift/{shift_name(dx, dy)}/{max(abs(dx), abs(dy))}"
      if dx or dy:
        if case not in answers:
          return None
        table[i, j] = 100 * np.mean(answers[case] != answers[CLEAN])
    tables[name] = table.tolist()
  return {
    "title": "Answers that change when the image is moved",
    "about": "Fraction of images (%) whose answer is not the one to the image "
    "as it is, right or wrong",
    "dx": ways,
    "dy": ways,
    "models": tables,
  }
