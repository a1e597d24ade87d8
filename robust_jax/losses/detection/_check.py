"""The check of outputs and targets of a detector, for all of its losses."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from robust_jax.types import AnyArray

_OUTPUTS = ("heatmap", "boxes")
_TARGETS = ("boxes", "classes", "present")


def check(outputs: Any, targets: Any) -> None:
  """Checks that outputs and targets are those of a detector, and fit.

  Raises:
    ValueError: they are not.
  """
  check_outputs(outputs)
  _has_entries("targets", targets, _TARGETS)
  heatmap, slots = outputs["heatmap"], targets["present"].shape
  if len(slots) != 2 or slots[0] != heatmap.shape[0]:
    raise ValueError(
      f"targets['present'] of shape {slots}: expected [{heatmap.shape[0]}, G], "
      "1 for an object and 0 for padding."
    )
  if (targets["boxes"].shape, targets["classes"].shape) != (
    (*slots, 4),
    slots,
  ):
    raise ValueError(
      f"targets of shapes {targets['boxes'].shape} and "
      f"{targets['classes'].shape}: expected boxes {[*slots, 4]} and classes "
      f"{list(slots)}, as 'present' has."
    )
  _check_classes(targets["classes"], heatmap.shape[-1])


def check_outputs(outputs: Any) -> None:
  """Checks that outputs are those of a detector.

  Raises:
    ValueError: they are not.
  """
  _has_entries("outputs", outputs, _OUTPUTS)
  heatmap, boxes = (outputs[name] for name in _OUTPUTS)
  if len(heatmap.shape) != 4 or boxes.shape != (*heatmap.shape[:3], 4):
    raise ValueError(
      f"outputs of shapes {heatmap.shape} and {boxes.shape}: expected a "
      "heatmap [B, h, w, K] and a box of each cell, [B, h, w, 4]."
    )


def _has_entries(what: str, value: Any, names: tuple[str, ...]) -> None:
  if not isinstance(value, Mapping) or set(value) != set(names):
    given = list(value) if isinstance(value, Mapping) else type(value).__name__
    raise ValueError(
      f"{what} of a detector: {given}, expected the entries {', '.join(names)}."
    )


def _check_classes(classes: AnyArray, num_classes: int) -> None:
  if not np.issubdtype(classes.dtype, np.integer):
    raise ValueError(f"classes of dtype {classes.dtype}: expected integers.")
  if isinstance(classes, jax.core.Tracer | jax.ShapeDtypeStruct):
    return
  values = np.asarray(classes)
  if values.size and not 0 <= values.min() <= values.max() < num_classes:
    raise ValueError(
      f"classes from {values.min()} to {values.max()}: expected "
      f"0..{num_classes - 1}, since the detector has {num_classes}."
    )
