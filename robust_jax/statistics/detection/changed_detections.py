"""Detections that a change makes vanish, mislabels or fabricates."""

from typing import Any

from robust_jax import boxes
from robust_jax.types import PyTree

OVERLAP = 0.5
"""IoU from which two boxes are of the same object."""

CHANGES = ("vanished", "mislabeled", "fabricated")


def changed_detections(clean: PyTree, changed: PyTree) -> dict[str, Any]:
  """Counts the detections that vanish, are mislabeled, and are fabricated.

  A detection without the change has vanished if no detection under the change
  overlaps it by an IoU of 0.5, and is mislabeled if only those of other classes
  do. One under the change is fabricated if it overlaps none without. Objects
  are not looked at, so that false detections count as true ones do.

  Args:
    clean: padded detections without the change, in the form of a batch's
      objects: "boxes" `[..., n, 4]`, "classes" `[..., n]` and "present" `[...,
      n]`, which is true above the threshold. NumPy and JAX arrays are taken.
    changed: those under the change, `[..., m]`.

  Returns:
    `CHANGES` -> numbers `[...]`.

  Source: Chow et al. 2020, "Adversarial objectness gradient attacks in
  real-time object detection systems" (TOG), for the three effects.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.detection.changed_detections import (
    ...   changed_detections,
    ... )
    >>> box, here = np.array([[0.0, 0.0, 9.0, 9.0]]), np.array([True])
    >>> a = {"boxes": box, "classes": np.array([0]), "present": here}
    >>> b = {**a, "classes": np.array([1])}
    >>> [int(number) for number in changed_detections(a, b).values()]
    [0, 1, 0]
  """
  before, after = clean["present"] > 0, changed["present"] > 0
  meet = boxes.iou(clean["boxes"], changed["boxes"]) >= OVERLAP
  meet = meet & before[..., :, None] & after[..., None, :]
  same = clean["classes"][..., :, None] == changed["classes"][..., None, :]
  seen, kept = meet.any(axis=-1), (meet & same).any(axis=-1)
  return {
    "vanished": (before & ~seen).sum(axis=-1),
    "mislabeled": (before & seen & ~kept).sum(axis=-1),
    "fabricated": (after & ~meet.any(axis=-2)).sum(axis=-1),
  }
