"""What a model of any kind answers along sequences of frames."""

from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import lookup
from robust_jax.comparison.load_images import batch_size
from robust_jax.comparison.predictors.predict import Predict, predict_batches
from robust_jax.corruptions import random

_BATCH = 16  # sequences at a time, where images are small
_FRAMES = 41  # of the longest sequences


def sequence_predictions(
  predict: Predict,
  images: np.ndarray,
  sequence: str,
  num_classes: int,
  *,
  ids: Sequence[int] | None = None,
  seed: int = 0,
  **options: int,
) -> np.ndarray:
  """Answers to all frames: float `[N, T, K]`, or classes `[N, T]`.

  `statistics.flip_probability` takes the classes, `statistics.top5_distance`
  the scores, both with `noise=sequence in sequences.suites.NOISE`.

  Args:
    predict: the model, on 8-bit images.
    images: uint8 `[N, H, W, C]`.
    sequence: a member of `robust_jax.corruptions.sequences`.
    num_classes: K.
    ids: of the images, which their randomness is keyed by; their places by
      default.
    seed: of the whole evaluation.
    **options: `size` and `level` of the sequence.

  Raises:
    ValueError: no such sequence, other images, or see `adapters.ask`.
  """
  answers = []
  for pixels in sequence_frames(images, sequence, ids, seed, **options):
    flat = pixels.reshape(-1, *pixels.shape[2:])
    answered = predict_batches(predict, flat, num_classes)
    answers.append(answered.reshape(*pixels.shape[:2], *answered.shape[1:]))
  return np.concatenate(answers)


def sequence_frames(
  images: np.ndarray,
  sequence: str,
  ids: Sequence[int] | None = None,
  seed: int = 0,
  **options: int,
) -> Iterator[np.ndarray]:
  """The frames of a few images at a time, uint8 `[B, T, H, W, C]`.

  Arguments and errors as those of `sequence_predictions`.
  """
  images = np.asarray(images)
  if images.dtype != np.uint8 or images.ndim != 4 or len(images) == 0:
    raise ValueError(
      f"images are {images.dtype} of shape {images.shape}: expected at least "
      "one in uint8 [N, H, W, C]."
    )
  make = lookup.find("corruptions.sequences", sequence)
  frames_of = jax.jit(lambda keys, x: make(keys, x, **options))
  ids = np.arange(len(images)) if ids is None else np.asarray(ids)
  size = batch_size((_FRAMES, *images.shape[1:]), _BATCH)
  for start in range(0, len(images), size):
    count = len(images[start : start + size])
    # The last batch is filled up: another size would compile another program.
    rows = np.minimum(np.arange(start, start + size), len(images) - 1)
    keys = random.image_keys(seed, ids[rows], sequence, 1)
    x = jnp.asarray(images[rows], jnp.float32) / 255
    frames = np.asarray(frames_of(keys, x))[:count]
    yield np.rint(255 * frames).astype(np.uint8)
