"""Evaluation of any model on examples, in batches or by their shapes."""

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from robust_jax import checks
from robust_jax.comparison.prediction_kinds.base import PredictionKind
from robust_jax.comparison.prediction_kinds.classes import CLASSES
from robust_jax.comparison.predictors.retry import retry

Predict = Callable[[Sequence[Any]], np.ndarray]
"""A model as a function of a batch of examples.

They are images uint8 `[H, W, C]`, perhaps of several shapes, or texts. It
returns scores `[B, K]` (logits or probabilities) or integer classes `[B]`.
PyTorch and ONNX models and HTTP endpoints can be such functions.
"""


def predict_batches(
  predict: Predict,
  examples: Sequence[Any],
  num_classes: int,
  batch_size: int = 128,
  retries: int = 0,
  kind: PredictionKind = CLASSES,
) -> np.ndarray:
  """Evaluates a model on all examples, and returns its outputs `[N, ...]`.

  The model receives copies of the examples, which it may modify and keep, and
  it may reuse the array it returns. NaN is preserved and counted by
  `read_outputs`.

  Args:
    predict: the model.
    examples: N examples.
    num_classes: K.
    batch_size: largest number of examples per call.
    retries: number of repetitions of a failed call; see `retry`.
    kind: the kind of predictions.

  Raises:
    ValueError: there are no examples, or outputs have another shape or dtype,
      or are of another kind than in the batch before.
    NoResponse: the last attempt failed.

  Example:
    >>> import numpy as np
    >>> from robust_jax.comparison.predictors.predict import predict_batches
    >>> brightest = lambda images: np.array([int(x.max() > 99) for x in images])
    >>> images = [np.full((2, 2, 1), level, np.uint8) for level in (0, 200, 50)]
    >>> predict_batches(brightest, images, num_classes=2, batch_size=2).tolist()
    [0, 1, 0]
  """
  checks.at_least_one("batch_size", batch_size)
  if len(examples) == 0:
    raise ValueError("no examples: expected at least one.")
  outputs: list[np.ndarray] = []
  for start in range(0, len(examples), batch_size):
    batch = examples[start : start + batch_size]
    call = functools.partial(_predict_copies, predict, batch)
    found = np.array(retry(call, retries))
    kind.check(found, len(batch), num_classes)
    if outputs and outputs[0].ndim != found.ndim:
      raise ValueError(
        "the model returned classes for some examples and scores for others: "
        "expected one of the two."
      )
    outputs.append(found)
  return np.concatenate(outputs)


def by_shape(
  images: Sequence[np.ndarray], fn: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
  """Applies a function to images of any shapes, all of one shape at a time.

  Args:
    images: images `[H, W, C]`.
    fn: `[n, H, W, C] -> [n, ...]`.

  Returns:
    `[N, ...]`, in the order of the images.
  """
  shapes = [image.shape for image in images]
  order: list[int] = []
  pieces = []
  for shape in dict.fromkeys(shapes):
    rows = [i for i, other in enumerate(shapes) if other == shape]
    pieces.append(fn(np.stack([images[i] for i in rows])))
    order += rows
  # `order` maps rows to images; its inverse restores the order.
  return np.concatenate(pieces)[np.argsort(order)]


def _predict_copies(predict, examples):
  return predict([copy.deepcopy(x) for x in examples])
