"""How far the first five answers move along a sequence of images."""

import numpy as np

from robust_jax.statistics.flip_probability import frame_pairs

_TOP = 5


def top5_distance(
  scores: np.ndarray, *, noise: bool = False, difficulty: int = 1
) -> np.ndarray:
  """Mean distance of top-5 lists, `[V]`, between frames of a sequence.

  A class that was i-th of the first five and is j-th now has moved |i - j|
  places, where all places after the fifth are one: from 0, nothing moved, to
  15, none of the five is left. The mean over sequences is a perturbation's
  top-5 distance (T5D); `normalised_mean` of these is mT5D.

  Args:
    scores: `[V, F, K]`, of K >= 5 classes in V sequences of F frames. Equal
      scores are ranked by their index.
    noise: as `flip_probability` takes it.
    difficulty: as `flip_probability` takes it.

  Raises:
    ValueError: other shapes, fewer than five classes, NaN, or fewer frames
      than a step needs.

  Source: Hendrycks & Dietterich 2019, section 4.2.
  """
  scores = np.asarray(scores)
  if scores.ndim != 3 or scores.shape[-1] < _TOP:
    raise ValueError(
      f"scores of shape {scores.shape}: wanted [V, F, K], sequences by frames "
      f"by {_TOP} classes or more."
    )
  if not np.issubdtype(scores.dtype, np.floating) or np.isnan(scores).any():
    raise ValueError(
      f"scores of dtype {scores.dtype}, {np.sum(scores != scores)} of them "
      "NaN: wanted floats that can be ranked."
    )
  first = np.argsort(-scores, axis=-1, kind="stable")[..., :_TOP]
  earlier, later = frame_pairs(first, noise, difficulty)
  same = earlier[..., :, None] == later[..., None, :]
  place = np.where(same.any(axis=-1), same.argmax(axis=-1), _TOP)
  moved = np.abs(place - np.arange(_TOP))
  return moved.sum(axis=-1).mean(axis=1)
