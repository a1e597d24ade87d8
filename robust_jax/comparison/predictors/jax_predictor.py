"""JAX models as predictors."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.boxes import Detections
from robust_jax.comparison.predictors.predict import Predict, by_shape
from robust_jax.models.detection.center_net import detect
from robust_jax.types import Model


def jax_detector(
  model: Model,
) -> Callable[[Sequence[np.ndarray]], list[Detections]]:
  """Function of uint8 images that finds objects with a JAX model.

  Args:
    model: x `[B, H, W, C]` float32 in [0, 1] -> raw outputs, which
      `models.detection.center_net.detect` reads.

  Returns:
    A function for `detector_predictor`.
  """

  def rows(x):
    found = detect(model(x))
    parts = [found["boxes"], found["scores"][..., None]]
    classes = found["classes"][..., None].astype(jnp.float32)
    return jnp.concatenate([*parts, classes], axis=-1)

  predict = jax_predictor(rows)

  def find(images: Sequence[np.ndarray]) -> list[Detections]:
    return [
      Detections(one[:, :4], one[:, 4], one[:, 5].astype(int))
      for one in (each[each[:, 4] > 0] for each in predict(images))
    ]

  return find


def jax_predictor(logits_fn: Model) -> Predict:
  """Predictor of a JAX model, on uint8 images divided by 255.

  Images of several shapes are evaluated one shape at a time, and each compiles
  its own programs, so it is better to resize a dataset of many shapes first.

  Args:
    logits_fn: x `[B, H, W, C]` float32 in [0, 1] -> logits `[B, K]`, such as
      `models.inference_fn` of a model of this project.

  Returns:
    A predictor.

  Example:
    >>> import numpy as np
    >>> from robust_jax.comparison.predictors.jax_predictor import jax_predictor
    >>> predict = jax_predictor(lambda x: x.sum(axis=(1, 2)))
    >>> predict([np.full((2, 2, 3), 255, np.uint8)]).tolist()
    [[4.0, 4.0, 4.0]]
  """
  numpy_fn = as_numpy_fn(logits_fn)

  def evaluate(images: np.ndarray) -> np.ndarray:
    return numpy_fn(images.astype(np.float32) / 255)

  def predict(images: Sequence[np.ndarray]) -> np.ndarray:
    return by_shape(images, evaluate)

  return predict
