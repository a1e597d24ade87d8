"""Checks of samples of features."""

import numpy as np


def checked(
  real: np.ndarray, generated: np.ndarray, at_least: int
) -> tuple[np.ndarray, np.ndarray]:
  """Returns two samples of features `[N, D]` and `[M, D]` in float64.

  Raises:
    ValueError: they are no such arrays, are not finite, or have fewer than
      `at_least` examples.
  """
  real, generated = np.asarray(real, float), np.asarray(generated, float)
  for sample in (real, generated):
    if sample.ndim != 2 or sample.shape[1:] != real.shape[1:]:
      raise ValueError(
        f"features of shapes {real.shape} and {generated.shape}: expected "
        "[N, D] and [M, D], one row per example."
      )
    if len(sample) < at_least:
      raise ValueError(
        f"{len(real)} real and {len(generated)} generated examples: expected "
        f"{at_least} or more of each."
      )
    if not np.isfinite(sample).all():
      raise ValueError(
        "some features are not finite: look at the extractor, and at the "
        "examples."
      )
  return real, generated
