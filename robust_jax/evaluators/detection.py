"""Average precision of a detector, and changes of detections by attacks."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import boxes as geometry
from robust_jax import metrics
from robust_jax.losses.detection import center_net
from robust_jax.models.detection.center_net import detect
from robust_jax.statistics.detection.changed_detections import (
  changed_detections,
)
from robust_jax.types import (
  Array,
  Attack,
  Batch,
  Evaluator,
  Key,
  Metrics,
  Model,
  Objective,
  PyTree,
)

_OVERLAP = 0.5
_BINS = 256
_RECALLS = np.linspace(0, 1, 101)


def detection(
  validation_attacks: Mapping[str, Attack] = MappingProxyType({}),
  *,
  objective: Objective = center_net,
  threshold: float = 0.3,
) -> Evaluator:
  """Average precision at IoU 0.5, clean and under attacks, and what changes.

  A detection is true if it is the one of largest score among those of its class
  that overlap an object by an IoU of 0.5. Scores of true and of false ones are
  counted in histograms, of bins that are equally wide in the root of the score,
  so that everything is a sum over examples and the average precision is that of
  detections of which no two in different bins are exchanged.

  Args:
    validation_attacks: name -> attack; their targets are `batch["y"]`.
    objective: its mean is reported as "loss".
    threshold: score above which detections are counted one by one.

  Returns:
    The evaluator of a detector's raw outputs. It reports "loss"; "ap50", the
    mean over classes with objects; "f1", the largest over thresholds, and
    "best_threshold", where it is reached; and "detections", the number of an
    image above the threshold. For each attack "<attack>_ap50" and
    "<attack>_detections"; and of the detections above the threshold, compared
    with the clean ones, the number of an image that "<attack>_vanished" (none
    overlaps the clean one), are "<attack>_mislabeled" (only others of another
    class do) and "<attack>_fabricated" (no clean one overlaps it).

  Source: the metrics of COCO (Lin et al. 2014) with 101 recalls, at IoU 0.5.

  Deviation: scores in bins; `statistics` has the exact ones.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import evaluators, metrics
    >>> boxes = jnp.float32([[[0, 0, 4, 4]]])
    >>> model = lambda x: {"heatmap": x, "boxes": boxes[:, None]}
    >>> here = {"boxes": boxes, "classes": jnp.zeros((1, 1), int)}
    >>> y, x = {**here, "present": jnp.ones((1, 1))}, jnp.ones((1, 1, 1, 1))
    >>> batch, evaluator = {"x": x, "y": y}, evaluators.detection()
    >>> batch["mask"] = jnp.ones(1)
    >>> measured = evaluator.measure(model, batch, jax.random.key(0))
    >>> evaluator.summarize(metrics.result(measured))["ap50"]
    1.0
  """

  def measure(model: Model, batch: Batch, key: Key) -> Metrics:
    x, targets, mask = batch["x"], batch["y"], batch["mask"]
    outputs = model(x)
    clean, num_classes = detect(outputs), outputs["heatmap"].shape[-1]
    found = {"loss": objective(outputs, targets)} | _counts(
      clean, targets, num_classes
    )
    found["objects"] = _objects(targets, num_classes).sum(axis=2)
    found["detections"] = _is_above(clean, threshold).sum(axis=1)
    for name, attack in validation_attacks.items():
      key, key_attack = jax.random.split(key)
      attacked = detect(model(attack(key_attack, model, x, targets)))
      counted = _counts(attacked, targets, num_classes)
      counted |= _changes(clean, attacked, threshold)
      found |= {f"{name}_{what}": value for what, value in counted.items()}
    return {k: metrics.average(value, mask) for k, value in found.items()}

  return Evaluator(measure, _summarize)


def _counts(
  detections: PyTree, targets: PyTree, num_classes: int
) -> dict[str, Array]:
  """Histograms `[B, K, bins]` of the scores of true and false detections."""
  # Each class has as many slots, one class after the other.
  per_class = lambda v: v.reshape(len(v), num_classes, -1, *v.shape[2:])
  boxes, scores = (per_class(detections[k]) for k in ("boxes", "scores"))
  overlap = geometry.iou(boxes, targets["boxes"][:, None])
  is_true = _matched(overlap, _objects(targets, num_classes) > 0)
  bins = (jnp.sqrt(scores) * _BINS).astype(jnp.int32).clip(0, _BINS - 1)
  in_bin = jax.nn.one_hot(bins, _BINS) * (scores > 0)[..., None]
  true = jnp.einsum("bkm,bkms->bks", is_true.astype(jnp.float32), in_bin)
  return {"true": true, "false": in_bin.sum(axis=2) - true}


def _objects(targets: PyTree, num_classes: int) -> Array:
  """`[B, K, G]`, 1 for an object of that class."""
  is_class = jax.nn.one_hot(targets["classes"], num_classes, axis=1)
  return is_class * targets["present"][:, None]


def _matched(overlap: Array, objects: Array) -> Array:
  """Tells which detections are the first to find an object.

  Args:
    overlap: IoU `[B, K, M, G]`, the detections of a class by falling scores.
    objects: `[B, K, G]`, whether there is an object of that class.

  Returns:
    `[B, K, M]` bool.
  """

  def visit(free, row):
    value = jnp.where(free, row, 0.0)
    best = value.argmax(axis=-1)
    is_true = value.max(axis=-1, initial=0.0) >= _OVERLAP
    taken = jax.nn.one_hot(best, free.shape[-1], dtype=bool)
    return free & ~(taken & is_true[..., None]), is_true

  rows = jnp.moveaxis(overlap, 2, 0)
  return jnp.moveaxis(jax.lax.scan(visit, objects, rows)[1], 0, 2)


def _is_above(detections: PyTree, threshold: float) -> Array:
  return (detections["scores"] > threshold).astype(jnp.float32)


def _changes(
  clean: PyTree, attacked: PyTree, threshold: float
) -> dict[str, Array]:
  """Numbers of detections `[B]` above the threshold that changed."""
  before, after = (
    {**found, "present": _is_above(found, threshold)}
    for found in (clean, attacked)
  )
  number = {"detections": after["present"].sum(axis=1)}
  return number | changed_detections(before, after)


def _summarize(averages: Mapping[str, Any]) -> dict[str, float]:
  """Reads the scores from the histograms of an average image."""
  objects = np.asarray(averages["objects"], np.float64)
  summary = {}
  for name, value in averages.items():
    if np.ndim(value) == 0:
      summary[name] = float(value)
    elif name.endswith("true"):
      prefix = name.removesuffix("true")
      counts = value, averages[f"{prefix}false"]
      summary[f"{prefix}ap50"] = _average_precision(*counts, objects)
      if not prefix:
        summary["f1"], summary["best_threshold"] = _best_f1(*counts, objects)
  return summary


def _above(histogram: Any) -> np.ndarray:
  """Numbers above the lower end of each bin, from the last one down."""
  return np.cumsum(np.asarray(histogram, np.float64)[..., ::-1], axis=-1)


def _average_precision(true, false, objects) -> float:
  found, wrong = _above(true), _above(false)
  values = []
  for k in np.flatnonzero(objects > 0):
    recall = found[k] / objects[k]
    precision = found[k] / np.maximum(found[k] + wrong[k], 1e-12)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(recall, _RECALLS - 1e-9)
    values.append(np.append(best, 0.0)[place].mean())
  return float(np.mean(values)) if values else 0.0


def _best_f1(true, false, objects) -> tuple[float, float]:
  found, wrong = _above(true).sum(axis=0), _above(false).sum(axis=0)
  f1 = 2 * found / np.maximum(found + wrong + objects.sum(), 1e-12)
  best = int(f1.argmax())
  return float(f1[best]), float(((_BINS - 1 - best) / _BINS) ** 2)
