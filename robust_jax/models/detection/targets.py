"""Detections in the place of labels."""

import jax
import jax.numpy as jnp

from robust_jax import cells
from robust_jax.types import PyTree

MAX_OBJECTS = 64


def as_targets(
  detections: PyTree, threshold: float, max_objects: int = MAX_OBJECTS
) -> PyTree:
  """Takes detections above a threshold for the objects of an image.

  Args:
    detections: as `detect` returns them.
    threshold: score above which a detection counts.
    max_objects: G, the number of slots; if there are more, those of the largest
      scores are kept.

  Returns:
    Padded objects, as in a batch.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models.detection.targets import as_targets
    >>> found = {"boxes": jnp.ones((1, 3, 4)), "classes": jnp.arange(3)[None]}
    >>> found["scores"] = jnp.array([[0.2, 0.9, 0.5]])
    >>> objects = as_targets(found, threshold=0.3, max_objects=3)
    >>> objects["classes"].tolist(), objects["present"].tolist()
    ([[1, 2, 0]], [[1.0, 1.0, 0.0]])
  """
  number = min(max_objects, detections["scores"].shape[1])
  scores, rows = jax.lax.top_k(detections["scores"], number)
  boxes = jnp.take_along_axis(detections["boxes"], rows[..., None], axis=1)
  return {
    "boxes": boxes,
    "classes": jnp.take_along_axis(detections["classes"], rows, axis=1),
    "present": (scores > threshold).astype(jnp.float32),
  }


def relabeled(objects: PyTree, outputs: PyTree, *, likely: bool) -> PyTree:
  """Gives objects another class: the most or the least likely of the others.

  Args:
    objects: padded objects, as in a batch.
    outputs: raw outputs of a detector, whose logits at the centers decide.
    likely: True for the most likely class.

  Raises:
    ValueError: there is one class alone.
  """
  logits = outputs["heatmap"]
  if logits.shape[-1] < 2:
    raise ValueError("a detector of one class: expected two or more.")
  place = cells.of_boxes(objects["boxes"], *logits.shape[1:3])
  logits = cells.at(logits if likely else -logits, *place)
  own = jax.nn.one_hot(objects["classes"], logits.shape[-1], dtype=bool)
  other = jnp.where(own, -jnp.inf, logits).argmax(axis=-1)
  return {**objects, "classes": other.astype(jnp.int32)}
