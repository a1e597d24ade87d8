"""Test-time augmentation of models that are not JAX functions."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.comparison.predictors.predict import (
  Predict,
  by_shape,
  predict_batches,
)
from robust_jax.comparison.predictors.read_outputs import read_outputs
from robust_jax.types import Array


def averaged_predictor(
  predict: Predict, views: Callable[[Array], Array], num_classes: int
) -> Predict:
  """Averages the predictions of a model over several views of each image.

  It is the counterpart of `defenses.test_time_augmentation` for any model of
  8-bit images. Views are rounded to 8 bits, which does not affect flips and
  shifts.

  Args:
    predict: model that returns scores, not only classes.
    views: x `[B, H, W, C]` in [0, 1] -> `[V, B, H, W, C]`, such as those of
      `defenses.views`.
    num_classes: K.

  Returns:
    A predictor of probabilities `[B, K]`, the mean over views; NaN where a view
    has no prediction. It raises ValueError if `predict` returns classes.
  """
  make = jax.jit(views)

  def mean(images: np.ndarray) -> np.ndarray:
    made = np.asarray(make(jnp.asarray(images, jnp.float32) / 255))
    pixels = np.rint(255 * made).astype(np.uint8)
    flat = pixels.reshape(-1, *images.shape[1:])
    outputs = read_outputs(
      predict_batches(predict, flat, num_classes), num_classes
    )
    if outputs.probabilities is None:
      raise ValueError(
        "the model returns classes, which have no mean: expected scores."
      )
    predicted = (outputs.classes >= 0)[:, None]
    found = np.where(predicted, outputs.probabilities, np.nan)
    return found.reshape(len(pixels), len(images), -1).mean(axis=0)

  def averaged(images: Sequence[np.ndarray]) -> np.ndarray:
    return by_shape(images, mean)

  return averaged
