"""A model of any kind, asked for its answers to 8-bit images."""

from collections.abc import Callable, Sequence

import numpy as np

from robust_jax import checks
from robust_jax.comparison.predictors.retry import retry

Predict = Callable[[Sequence[np.ndarray]], np.ndarray]
"""uint8 images `[H, W, C]`, perhaps of several sizes, at most a batch of them
-> scores `[B, K]` (logits or probabilities) or classes `[B]` (integers). A
PyTorch or ONNX model and an HTTP endpoint are such functions."""


def predict_batches(
  predict: Predict,
  images: Sequence[np.ndarray],
  num_classes: int,
  batch_size: int = 128,
  retries: int = 0,
) -> np.ndarray:
  """All answers, a batch at a time: float `[N, K]` or integers `[N]`.

  The model gets images of its own: it may write into them, and keep them. It
  may use the array that it answers with again. NaN is handed on: `read_outputs`
  counts it.

  Args:
    predict: the model.
    images: N images.
    num_classes: K.
    batch_size: most images in one call.
    retries: how often a call is made again that fails as `retry` says.

  Raises:
    ValueError: no images, or an answer of another shape or dtype, or of another
      kind than that to the batch before.
    NoResponse: the last try failed.
  """
  checks.at_least_one("batch_size", batch_size)
  if len(images) == 0:
    raise ValueError("no images: expected at least one to ask about.")
  answers = []
  for start in range(0, len(images), batch_size):
    batch = images[start : start + batch_size]
    own = lambda batch=batch: [np.array(image) for image in batch]
    answer = np.array(retry(lambda own=own: predict(own()), retries))
    _check(answer, len(batch), num_classes)
    if answers and answers[0].ndim != answer.ndim:
      raise ValueError(
        "the model answered classes to some images and scores to others: "
        "expected one of the two."
      )
    answers.append(answer)
  return np.concatenate(answers)


def _check(answer, size, num_classes):
  scores = np.issubdtype(answer.dtype, np.floating)
  if scores and answer.shape == (size, num_classes):
    return
  if np.issubdtype(answer.dtype, np.integer) and answer.shape == (size,):
    return
  raise ValueError(
    f"the model answered {answer.dtype} of shape {answer.shape} to {size} "
    f"images: expected floats [{size}, {num_classes}], a score for each class, "
    f"or integers [{size}], the classes. If the data lack some of the model's "
    "classes, name all of them in its order (--class_names)."
  )
