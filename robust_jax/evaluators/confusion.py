"""Accuracies and overlaps from one confusion matrix, of images or of pixels."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import metrics
from robust_jax.types import Batch, Evaluator, Key, Metrics, Model


def confusion() -> Evaluator:
  """Accuracy, mean accuracy of the classes, and intersection over union.

  They are read from the confusion matrix of all examples, of classes of images
  or of their pixels. Labels of -1 are unknown and do not count.

  Returns:
    The evaluator of a model of logits `[B, ..., K]` for labels y `[B, ...]`. It
    reports "accuracy", the fraction of correct predictions; "class_accuracy",
    the mean of that fraction of each class; and "mean_iou", the mean over
    classes of the intersection of predictions and labels over their union. A
    class without labels is left out of both means, and one without predictions
    either.

  Source: Long et al. 2015, "Fully convolutional networks for semantic
  segmentation", section 5.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import evaluators, metrics
    >>> x, y = jnp.eye(2)[jnp.array([[0, 0, 1]])], jnp.array([[0, 1, -1]])
    >>> batch = {"x": x, "y": y, "mask": jnp.ones(1)}
    >>> evaluator = evaluators.confusion()
    >>> measured = evaluator.measure(lambda x: x, batch, jax.random.key(0))
    >>> evaluator.summarize(metrics.result(measured))
    {'accuracy': 0.5, 'class_accuracy': 0.5, 'mean_iou': 0.25}
  """
  return Evaluator(_measure, _summarize)


def _measure(model: Model, batch: Batch, key: Key) -> Metrics:
  del key
  logits, labels = model(batch["x"]), batch["y"]
  num_classes = logits.shape[-1]
  one_hot = lambda classes: jax.nn.one_hot(
    classes.reshape(len(labels), -1), num_classes
  )
  # An unknown label of -1 is a row of zeros.
  matrices = jnp.einsum(
    "bpi,bpj->bij", one_hot(labels), one_hot(logits.argmax(axis=-1))
  )
  return {"confusion": metrics.average(matrices, batch["mask"])}


def _summarize(averages: Mapping[str, Any]) -> dict[str, float]:
  """Reads the scores from the average matrix of an example."""
  matrix = np.asarray(averages["confusion"], np.float64)
  correct, labels = np.diag(matrix), matrix.sum(axis=1)
  union = labels + matrix.sum(axis=0) - correct
  return {
    "accuracy": _ratio(correct.sum(), matrix.sum()),
    "class_accuracy": _ratio(correct, labels),
    "mean_iou": _ratio(correct, np.where(labels > 0, union, 0)),
  }


def _ratio(part: np.ndarray, whole: np.ndarray) -> float:
  """The mean of the ratios whose denominator is not 0; 0 if there is none."""
  known = np.asarray(whole) > 0
  ratios = np.asarray(part)[known] / np.asarray(whole)[known]
  return float(ratios.mean()) if ratios.size else 0.0
