"""Predictions of any model along perturbation sequences."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from robust_jax import lookup
from robust_jax.comparison.data_kinds.images import batch_size
from robust_jax.comparison.predictors.predict import Predict, predict_batches
from robust_jax.corruptions import random

_BATCH = 16  # sequences at a time, for small images
_FRAMES = 41  # in the longest sequence


def sequence_predictions(
  predict: Predict,
  images: np.ndarray,
  sequence: str,
  num_classes: int,
  *,
  ids: ArrayLike | None = None,
  seed: int = 0,
  **options: int,
) -> np.ndarray:
  """Evaluates a model on all frames of perturbation sequences.

  Classes are the input of `flip_probability` and scores of `top5_distance`,
  both with `noise=sequence in sequences.suites.NOISE`.

  Args:
    predict: the model as a function of 8-bit images.
    images: uint8 `[N, H, W, C]`.
    sequence: a member of `robust_jax.corruptions.sequences`.
    num_classes: K.
    ids: numbers of the images, to which randomness is keyed; by default their
      indices.
    seed: seed of the whole evaluation.
    **options: `size` and `level` of the sequence.

  Returns:
    Scores, float `[N, T, K]`, or classes, int `[N, T]`.

  Raises:
    ValueError: the sequence is unknown, or images are of another kind; see
      `predict_batches`.
  """
  outputs = []
  for pixels in sequence_frames(images, sequence, ids, seed, **options):
    flat = pixels.reshape(-1, *pixels.shape[2:])
    found = predict_batches(predict, list(flat), num_classes)
    outputs.append(found.reshape(*pixels.shape[:2], *found.shape[1:]))
  return np.concatenate(outputs)


def sequence_frames(
  images: np.ndarray,
  sequence: str,
  ids: ArrayLike | None = None,
  seed: int = 0,
  **options: int,
) -> Iterator[np.ndarray]:
  """Yields the frames of a few images at a time, uint8 `[B, T, H, W, C]`.

  Arguments and errors are those of `sequence_predictions`.
  """
  images = np.asarray(images)
  if images.dtype != np.uint8 or images.ndim != 4 or len(images) == 0:
    raise ValueError(
      f"images are {images.dtype} of shape {images.shape}: expected at least "
      "one in uint8 [N, H, W, C]."
    )
  make = lookup.find("corruptions.sequences", sequence)
  frames_of = jax.jit(lambda keys, x: make(keys, x, **options))
  numbers = np.arange(len(images)) if ids is None else np.asarray(ids)
  size = batch_size((_FRAMES, *images.shape[1:]), _BATCH)
  for start in range(0, len(images), size):
    count = len(images[start : start + size])
    # The last batch is padded, since another size would be compiled anew.
    rows = np.minimum(np.arange(start, start + size), len(images) - 1)
    keys = random.image_keys(seed, jnp.asarray(numbers[rows]), sequence, 1)
    x = jnp.asarray(images[rows], jnp.float32) / 255
    frames = np.asarray(frames_of(keys, x))[:count]
    yield np.rint(255 * frames).astype(np.uint8)
