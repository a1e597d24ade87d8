"""A JAX model as a function of 8-bit images."""

from collections.abc import Sequence

import numpy as np

from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.comparison.predictors.by_shape import by_shape
from robust_jax.comparison.predictors.predict import Predict
from robust_jax.types import Model


def jax_predictor(logits_fn: Model) -> Predict:
  """`logits_fn` on uint8 images, which are divided by 255.

  Images of several sizes are asked about size by size; each size compiles its
  own programs, so a dataset of many sizes is better resized first.

  Args:
    logits_fn: x `[B, H, W, C]` float32 in [0, 1] -> logits `[B, K]`, such as
      `models.frozen` makes of a model of ours.
  """
  ask = as_numpy_fn(logits_fn)

  def answer(images: np.ndarray) -> np.ndarray:
    return ask(images.astype(np.float32) / 255)

  def predict(images: Sequence[np.ndarray]) -> np.ndarray:
    return by_shape(images, answer)

  return predict
