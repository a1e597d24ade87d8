"""Scores per example, `(outputs, targets) -> [B]`; larger is better."""

from collections.abc import Mapping

import jax.numpy as jnp

from robust_jax.types import Array

__all__ = ["accuracy", "mean_iou", "pixel_accuracy"]


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


def mean_iou(
  outputs: Mapping[str, Array], targets: Mapping[str, Array]
) -> Array:
  """Mean intersection over union (IoU) of boxes, slot by slot.

  Args:
    outputs: "boxes" `[B, N, 4]`, each a top, left, bottom and right edge.
    targets: "boxes" `[B, N, 4]`, padded, and "mask" `[B, N]`, 1 for a real box.

  Returns:
    `[B]`, from 0 to 1; 0 for an example without boxes.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import scores
    >>> outputs = {"boxes": jnp.array([[[0.0, 0.0, 1.0, 2.0]]])}
    >>> boxes = jnp.array([[[0.0, 0.0, 2.0, 2.0]]])
    >>> scores.mean_iou(outputs, {"boxes": boxes, "mask": jnp.ones((1, 1))})
    Array([0.5], dtype=float32)
  """
  boxes, others = outputs["boxes"], targets["boxes"]
  overlap = _area(
    jnp.maximum(boxes[..., :2], others[..., :2]),
    jnp.minimum(boxes[..., 2:], others[..., 2:]),
  )
  areas = (_area(b[..., :2], b[..., 2:]) for b in (boxes, others))
  union = sum(areas) - overlap
  iou = jnp.where(union > 0, overlap / jnp.where(union > 0, union, 1.0), 0.0)
  mask = targets["mask"]
  return (iou * mask).sum(axis=-1) / jnp.maximum(mask.sum(axis=-1), 1.0)


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


def _area(top_left: Array, bottom_right: Array) -> Array:
  """Area of a box; 0 if its edges are in the wrong order."""
  return jnp.maximum(bottom_right - top_left, 0.0).prod(axis=-1)
