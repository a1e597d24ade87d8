"""Test-time augmentation of a model that is no JAX function."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.comparison.predictors.by_shape import by_shape
from robust_jax.comparison.predictors.predict import Predict, predict_batches
from robust_jax.comparison.predictors.read_outputs import read_outputs
from robust_jax.types import Array


def averaged_predictor(
  predict: Predict, views: Callable[[Array], Array], num_classes: int
) -> Predict:
  """`predict`, asked about several views of each image.

  The counterpart of `defenses.test_time_augmentation` for whatever answers
  8-bit images. Views are rounded to 8 bits, which flips and shifts are anyway.

  Args:
    predict: answers scores, not classes alone.
    views: x `[B, H, W, C]` in [0, 1] -> `[V, B, H, W, C]`, such as those of
      `defenses.views`.
    num_classes: K.

  Returns:
    A predictor that answers probabilities `[B, K]`, their mean over views; NaN
    where a view has no answer. It raises a ValueError where `predict` answers
    classes.
  """
  make = jax.jit(views)

  def mean(images: np.ndarray) -> np.ndarray:
    made = np.asarray(make(jnp.asarray(images, jnp.float32) / 255))
    pixels = np.rint(255 * made).astype(np.uint8)
    flat = pixels.reshape(-1, *images.shape[1:])
    answers = read_outputs(
      predict_batches(predict, flat, num_classes), num_classes
    )
    if answers.probabilities is None:
      raise ValueError(
        "the model answers classes alone, which have no mean: expected scores."
      )
    answered = (answers.classes >= 0)[:, None]
    found = np.where(answered, answers.probabilities, np.nan)
    return found.reshape(len(pixels), len(images), -1).mean(axis=0)

  def averaged(images: Sequence[np.ndarray]) -> np.ndarray:
    return by_shape(images, mean)

  return averaged
