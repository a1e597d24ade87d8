"""Scores per example, `(outputs, targets) -> [B]`; larger is better."""

from collections.abc import Mapping

import jax.numpy as jnp

from robust_jax import boxes as geometry
from robust_jax import cells
from robust_jax.types import Array

__all__ = ["accuracy", "center_iou", "pixel_accuracy"]


def accuracy(logits: Array, labels: Array) -> Array:
  """1 where the largest logit is that of the label, else 0.

  Args:
    logits: `[B, K]`.
    labels: classes `[B]`, or probabilities `[B, K]`, of which the largest is
      the label.

  Returns:
    `[B]` bool.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import scores
    >>> logits, labels = jnp.array([[3.0, 1.0], [2.0, 0.0]]), jnp.array([0, 1])
    >>> scores.accuracy(logits, labels)
    Array([ True, False], dtype=bool)
  """
  if labels.ndim == 2:
    labels = labels.argmax(axis=-1)
  return jnp.argmax(logits, axis=-1) == labels


def center_iou(
  outputs: Mapping[str, Array], targets: Mapping[str, Array]
) -> Array:
  """Mean IoU of objects and the boxes that a detector gives at their centers.

  Args:
    outputs: raw outputs of a detector, see `losses.detection`.
    targets: padded objects, likewise.

  Returns:
    `[B]`, from 0 to 1; 0 for an image without objects.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import scores
    >>> boxes = jnp.array([[[0.0, 0.0, 4.0, 2.0]]])
    >>> outputs = {"boxes": boxes[:, None]}
    >>> targets = {"boxes": 2 * boxes, "present": jnp.ones((1, 1))}
    >>> scores.center_iou(outputs, targets)
    Array([0.25], dtype=float32)
  """
  boxes, present = outputs["boxes"], targets["present"]
  place = cells.of_boxes(targets["boxes"], *boxes.shape[1:3])
  found = cells.at(boxes, *place)[:, :, None]
  each = geometry.iou(found, targets["boxes"][:, :, None])[..., 0, 0]
  total = jnp.where(present > 0, each, 0.0).sum(axis=1)
  return total / jnp.maximum(present.sum(axis=1), 1.0)


def pixel_accuracy(logits: Array, labels: Array) -> Array:
  """The fraction of the pixels whose largest logit is that of the label.

  Args:
    logits: `[B, ..., K]`.
    labels: classes `[B, ...]`, -1 where they are unknown.

  Returns:
    `[B]`, from 0 to 1; 0 for an example without a known label.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import scores
    >>> logits = jnp.eye(2)[jnp.array([[0, 1, 1]])]
    >>> scores.pixel_accuracy(logits, jnp.array([[0, 0, -1]])).item()
    0.5
  """
  known = (labels >= 0).reshape(len(labels), -1)
  correct = jnp.argmax(logits, axis=-1) == labels
  num_correct = (correct.reshape(known.shape) & known).sum(axis=1)
  return num_correct / jnp.maximum(known.sum(axis=1), 1)
