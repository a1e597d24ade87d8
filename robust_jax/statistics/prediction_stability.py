"""How often an answer changes along a sequence of slightly changed images."""

import numpy as np


def flip_probability(
  predictions: np.ndarray, *, noise: bool = False, difficulty: int = 1
) -> np.ndarray:
  """Fraction of frames, `[V]`, whose answer differs from that of another frame.

  That is the frame `difficulty` before it; in a sequence of noise, whose frames
  have no order, it is the first one, which is clean. The mean over sequences
  is a perturbation's flip probability (FP); `normalized_mean` of these is mFR.

  Args:
    predictions: int `[V, F]`, the classes answered in V sequences of F frames.
    noise: compare with frame 0.
    difficulty: frames from one to the next, 1, 2 or 3 in ImageNet-P. It does
      not change sequences of noise.

  Raises:
    ValueError: other shapes or dtypes, or fewer frames than a step needs.

  Source: Hendrycks & Dietterich 2019, section 4.2, and the authors' code for
  `difficulty`: frames d apart, whichever of d interleaved streams they are of.
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
  """(earlier, later) `[V, P, ...]` of the frames `[V, F, ...]` to compare.

  Raises:
    ValueError: no sequences, or fewer frames than a step needs.
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
  """Mean distance of top-5 lists, `[V]`, between frames of a sequence.

  A class that was i-th of the first five and is j-th now has moved |i - j|
  places, where all places after the fifth are one: from 0, nothing moved, to
  15, none of the five is left. The mean over sequences is a perturbation's
  top-5 distance (T5D); `normalized_mean` of these is mT5D.

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
  """Fraction of pairs of shifts, `[N]`, that a model answers alike.

  Its mean over images estimates the chance that two shifts drawn independently
  agree, whether right or wrong. It is defined for R views of any other kind,
  such as one image through R decoders and resizers.

  Args:
    predictions: int `[N, R]`, the classes answered for R >= 2 shifts.

  Raises:
    ValueError: other shapes or dtypes.

  Source: Zhang 2019, "Making Convolutional Networks Shift-Invariant Again",
  section 4.2, where R = 2.
  """
  predictions = np.asarray(predictions)
  shape = predictions.shape
  whole = np.issubdtype(predictions.dtype, np.integer)
  if len(shape) != 2 or shape[0] == 0 or shape[1] < 2 or not whole:
    raise ValueError(
      f"predictions of shape {shape} and dtype {predictions.dtype}: expected "
      "integers [N, R], at least one image by two shifts or more."
    )
  views = shape[1]
  alike = np.zeros(shape[0])
  for view in predictions.T:
    alike += (predictions == view[:, None]).sum(axis=1)
  # Every view is like itself, which is no pair.
  return (alike - views) / (views * (views - 1))
