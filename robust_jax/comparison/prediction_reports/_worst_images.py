"""Selection of the images in which a detector loses most objects."""

from collections.abc import Sequence

import numpy as np

from robust_jax.comparison.cases import Case
from robust_jax.comparison.prediction_reports._failures import distinct_failures
from robust_jax.comparison.prediction_reports.base import Failure
from robust_jax.statistics.outcomes import Outcomes


def worst_images(
  outcomes: Outcomes, cases: Sequence[Case], max_failures: int = 8
) -> list[Failure]:
  """Selects images and changes by the objects lost, each of them once.

  Args:
    outcomes: outcomes of one model, an object each, with images as clusters.
    cases: T cases, in the order of `outcomes.conditions`.
    max_failures: largest number of failures.

  Returns:
    Failures, those with most objects lost first; of as many, those where they
    are a larger fraction of the objects that were found, and then those of the
    smallest level.
  """
  images = outcomes.clusters
  assert images is not None  # objects are in images
  lost = outcomes.clean[:, None] & ~outcomes.transformed
  numbers = np.zeros((images.max() + 1, lost.shape[1]), int)
  np.add.at(numbers, images, lost)
  found = np.bincount(images, outcomes.clean)
  levels = np.array([case.level for case in cases])
  rows, columns = np.nonzero(numbers)
  fraction = numbers[rows, columns] / found[rows]
  # The last key of lexsort is the primary one.
  order = np.lexsort(
    (rows, levels[columns], -fraction, -numbers[rows, columns])
  )
  return distinct_failures(rows[order], columns[order], cases, max_failures)
