"""How often an answer changes along a sequence of slightly changed images."""

import numpy as np


def flip_probability(
  predictions: np.ndarray, *, noise: bool = False, difficulty: int = 1
) -> np.ndarray:
  """Share of frames, `[V]`, whose answer differs from that of another frame.

  That is the frame `difficulty` before it; in a sequence of noise, whose frames
  have no order, it is the first one, which is clean. The mean over sequences
  is a perturbation's flip probability (FP); `normalised_mean` of these is mFR.

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
      f"{predictions.dtype}: wanted integers [V, F], sequences by frames."
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
    raise ValueError(f"difficulty = {difficulty}: wanted 1 or more.")
  step = 1 if noise else difficulty
  if frames.shape[0] == 0 or frames.shape[1] <= step:
    raise ValueError(
      f"{frames.shape[0]} sequences of {frames.shape[1]} frames: wanted at "
      f"least one of {step + 1} or more."
    )
  later = frames[:, step:]
  earlier = np.broadcast_to(frames[:, :1], later.shape)
  return (earlier if noise else frames[:, :-step]), later
