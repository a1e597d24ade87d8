"""Scores per example: model outputs, targets -> `[B]`; larger is better."""

from collections.abc import Mapping

import jax.numpy as jnp

from robust_jax.types import Array

__all__ = ["accuracy", "mean_iou"]


def accuracy(logits: Array, labels: Array) -> Array:
  """1 where the largest logit is that of the label, else 0.

  Args:
    logits: `[B, K]`.
    labels: `[B]` classes, or `[B, K]` probabilities, the largest of which is
      the label.
  """
  if labels.ndim == 2:
    labels = labels.argmax(axis=-1)
  return jnp.argmax(logits, axis=-1) == labels


def mean_iou(
  outputs: Mapping[str, Array], targets: Mapping[str, Array]
) -> Array:
  """Mean intersection over union (IoU) of the real boxes, slot by slot.

  Args:
    outputs: with "boxes" `[B, N, 4]`: top, left, bottom, right.
    targets: "boxes" likewise, padded, and "mask" `[B, N]`, 1 for a real box.

  Returns:
    `[B]` from 0 to 1; 0 of an example without boxes.
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


def _area(top_left: Array, bottom_right: Array) -> Array:
  """Of a box, 0 where it is turned inside out."""
  return jnp.maximum(bottom_right - top_left, 0.0).prod(axis=-1)
