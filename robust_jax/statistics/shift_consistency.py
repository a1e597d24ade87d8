"""How often two random shifts of an image get the same answer."""

import numpy as np


def shift_consistency(predictions: np.ndarray) -> np.ndarray:
  """Share of pairs of shifts, `[N]`, that a model answers alike.

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
      f"predictions of shape {shape} and dtype {predictions.dtype}: wanted "
      "integers [N, R], at least one image by two shifts or more."
    )
  views = shape[1]
  alike = np.zeros(shape[0])
  for view in predictions.T:
    alike += (predictions == view[:, None]).sum(axis=1)
  # Every view is like itself, which is no pair.
  return (alike - views) / (views * (views - 1))
