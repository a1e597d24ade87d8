"""Outcomes of boxes: objects found in images, with and without changes."""

from collections.abc import Sequence

import numpy as np

from robust_jax.statistics.detection.found import Found
from robust_jax.statistics.detection.match import joined
from robust_jax.statistics.outcomes import Condition, Outcomes


def box_outcomes(
  image_ids: Sequence[str],
  clean: Sequence[Found],
  changed: Sequence[Sequence[Found]],
  conditions: Sequence[Condition],
) -> Outcomes:
  """Outcomes whose examples are the objects of images, clustered by image.

  An object is an example if it is counted in the image without a change, and it
  is correct where it is found. So the risk is the percentage of the objects
  found without a change that are lost under one, and clean accuracy is the
  recall. An object that a change hides, which is ignored in the changed image,
  counts as it did without the change: it is neither lost nor gained.

  Args:
    image_ids: N names of images.
    clean: what is found in each image without a change.
    changed: under each of T conditions, what is found in each image, at the
      same threshold. The annotations of an image are in the same order.
    conditions: the conditions.

  Returns:
    `Outcomes` with ids such as "street.jpg#3", for annotation 3 of the image
    from 0 on, classes as labels and images as clusters.

  Raises:
    ValueError: numbers of images, conditions or annotations differ, no object
      is counted, or see `Outcomes`.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.detection.box_outcomes import box_outcomes
    >>> from robust_jax.statistics.detection.found import Found
    >>> from robust_jax.statistics.outcomes import Condition
    >>> from robust_jax.statistics.risk import risk
    >>> both, none = np.ones(2, bool), np.zeros(2, bool)
    >>> visible = np.array([True, False])  # the blur hides the second object
    >>> labels = np.array([0, 1])
    >>> clean = [Found(both, both, labels, 0)]
    >>> blurred = [Found(none, visible, labels, 0)]
    >>> blur = Condition("blur", "defocus", 1)
    >>> outcomes = box_outcomes(["street.jpg"], clean, [blurred], [blur])
    >>> outcomes.ids, risk(outcomes).overall.risk.value
    (('street.jpg#0', 'street.jpg#1'), 50.0)
  """
  _check(image_ids, clean, changed, conditions)
  sizes = [len(image.found) for image in clean]
  images = np.repeat(np.arange(len(clean)), sizes)
  places = [place for size in sizes for place in range(size)]
  counted = joined(clean, "counted")
  found = joined(clean, "found")[counted]
  columns = [
    np.where(
      joined(of_condition, "counted")[counted],
      joined(of_condition, "found")[counted],
      found,
    )
    for of_condition in changed
  ]
  return Outcomes(
    ids=tuple(
      f"{image_ids[images[row]]}#{places[row]}"
      for row in np.flatnonzero(counted)
    ),
    clean=found,
    transformed=np.stack(columns, axis=1),
    conditions=tuple(conditions),
    labels=joined(clean, "classes")[counted],
    clusters=images[counted],
  )


def _check(image_ids, clean, changed, conditions):
  if not len(changed) == len(conditions) > 0:
    raise ValueError(
      f"{len(changed)} lists of images for {len(conditions)} conditions: "
      "expected one each, and at least one."
    )
  lengths = [len(image_ids), *map(len, changed)]
  if not clean or set(lengths) != {len(clean)}:
    raise ValueError(
      f"{len(clean)} images without a change, {len(image_ids)} ids, and under "
      f"the conditions {lengths[1:]}: expected equally many."
    )
  for condition, images in zip(conditions, changed, strict=True):
    for name, one, other in zip(image_ids, clean, images, strict=True):
      if len(one.found) != len(other.found):
        raise ValueError(
          f"{name} has {len(one.found)} annotations, and {len(other.found)} "
          f"under {condition.transformation}: expected the same, ignored where "
          "a change hides them."
        )
