"""Stability of predictions along sequences and under shifts."""

import numpy as np


def flip_probability(
  predictions: np.ndarray, *, noise: bool = False, difficulty: int = 1
) -> np.ndarray:
  """Flip probability: fraction of frames `[V]` whose prediction changes.

  A frame is compared with the one `difficulty` frames earlier, or, in a
  sequence of noise, whose frames have no order, with the first frame, which is
  clean. The mean over sequences is the flip probability (FP) of a perturbation;
  `normalized_mean` of these is mFR.

  Args:
    predictions: int `[V, F]`, predicted classes in V sequences of F frames.
    noise: whether frames are compared with frame 0.
    difficulty: number of frames per step, 1, 2 or 3 in ImageNet-P. Sequences of
      noise do not depend on it.

  Returns:
    Fractions `[V]`.

  Raises:
    ValueError: the shape or dtype is wrong, or there are too few frames.

  Source: Hendrycks & Dietterich 2019, section 4.2, and the authors' code for
    `difficulty`: frames d apart, in any of d interleaved streams.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.prediction_stability import flip_probability
    >>> flip_probability(np.array([[3, 3, 5, 5, 3]])).tolist()
    [0.5]
  """
  predictions = np.asarray(predictions)
  if predictions.ndim != 2 or not np.issubdtype(predictions.dtype, np.integer):
    raise ValueError(
      f"predictions of shape {predictions.shape} and dtype "
      f"{predictions.dtype}: expected integers [V, F], sequences by frames."
    )
  earlier, later = frame_pairs(predictions, noise, difficulty)
  return (earlier != later).mean(axis=1)


def frame_pairs(
  frames: np.ndarray, noise: bool, difficulty: int
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the pairs (earlier, later) of frames to compare, `[V, P, ...]`.

  Args:
    frames: `[V, F, ...]`.
    noise: whether frames are compared with frame 0.
    difficulty: number of frames per step.

  Raises:
    ValueError: there are no sequences, or too few frames.
  """
  if difficulty < 1:
    raise ValueError(f"difficulty = {difficulty}: expected 1 or more.")
  step = 1 if noise else difficulty
  if frames.shape[0] == 0 or frames.shape[1] <= step:
    raise ValueError(
      f"{frames.shape[0]} sequences of {frames.shape[1]} frames: expected at "
      f"least one of {step + 1} or more."
    )
  later = frames[:, step:]
  earlier = np.broadcast_to(frames[:, :1], later.shape)
  return (earlier if noise else frames[:, :-step]), later


_TOP = 5


def top5_distance(
  scores: np.ndarray, *, noise: bool = False, difficulty: int = 1
) -> np.ndarray:
  """Mean top-5 distance `[V]` between the frames of a sequence.

  A class that was i-th of the first five and is j-th now has moved |i - j|
  places, where all places after the fifth count as one: the distance is from 0,
  nothing moved, to 15, none of the five remains. The mean over sequences is the
  top-5 distance (T5D) of a perturbation; `normalized_mean` of these is mT5D.

  Args:
    scores: `[V, F, K]` for K >= 5 classes in V sequences of F frames. Equal
      scores are ranked by their index.
    noise: whether frames are compared with frame 0.
    difficulty: number of frames per step; see `flip_probability`.

  Returns:
    Distances `[V]`.

  Raises:
    ValueError: the shape is wrong, there are fewer than five classes, scores
      are NaN, or there are too few frames.

  Source: Hendrycks & Dietterich 2019, section 4.2.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.prediction_stability import top5_distance
    >>> scores = np.array([[[5.0, 4, 3, 2, 1], [4.0, 5, 3, 2, 1]]])
    >>> top5_distance(scores).tolist()  # the first two changed places
    [2.0]
  """
  scores = np.asarray(scores)
  if scores.ndim != 3 or scores.shape[-1] < _TOP:
    raise ValueError(
      f"scores of shape {scores.shape}: expected [V, F, K], sequences by "
      f"frames by {_TOP} classes or more."
    )
  if not np.issubdtype(scores.dtype, np.floating) or np.isnan(scores).any():
    raise ValueError(
      f"scores of dtype {scores.dtype}, {np.sum(scores != scores)} of them "
      "NaN: expected floats that can be ranked."
    )
  first = np.argsort(-scores, axis=-1, kind="stable")[..., :_TOP]
  earlier, later = frame_pairs(first, noise, difficulty)
  same = earlier[..., :, None] == later[..., None, :]
  place = np.where(same.any(axis=-1), same.argmax(axis=-1), _TOP)
  moved = np.abs(place - np.arange(_TOP))
  return moved.sum(axis=-1).mean(axis=1)


def shift_consistency(predictions: np.ndarray) -> np.ndarray:
  """Shift consistency: fraction of pairs of shifts with equal predictions.

  Its mean over examples estimates the probability that two independent shifts
  agree, whether correct or not. It applies to any R views of an example, such
  as those of R decoders and resizers.

  Args:
    predictions: int `[N, R]`, predicted classes for R >= 2 shifts.

  Returns:
    Fractions `[N]`.

  Raises:
    ValueError: the shape or dtype is wrong.

  Source: Zhang 2019, "Making Convolutional Networks Shift-Invariant Again",
    section 4.2, where R = 2.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.prediction_stability import shift_consistency
    >>> shift_consistency(np.array([[1, 1, 2]])).round(3).tolist()
    [0.333]
  """
  predictions = np.asarray(predictions)
  shape = predictions.shape
  whole = np.issubdtype(predictions.dtype, np.integer)
  if len(shape) != 2 or shape[0] == 0 or shape[1] < 2 or not whole:
    raise ValueError(
      f"predictions of shape {shape} and dtype {predictions.dtype}: expected "
      "integers [N, R], at least one example by two shifts or more."
    )
  views = shape[1]
  alike = np.zeros(shape[0])
  for view in predictions.T:
    alike += (predictions == view[:, None]).sum(axis=1)
  # Exclude the pairs of a view with itself.
  return (alike - views) / (views * (views - 1))
