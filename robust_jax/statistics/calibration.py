"""Calibration: agreement of confidence and accuracy."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Bin:
  """Examples of similar confidence; fractions in [0, 1]."""

  examples: int
  confidence: float
  accuracy: float


@dataclasses.dataclass(frozen=True)
class Calibration:
  """Calibration of a classifier; fractions in [0, 1].

  Attributes:
    accuracy: accuracy on all examples.
    confidence: mean confidence over all examples.
    ece: expected calibration error, the mean of |accuracy - confidence| over
      bins of equal width, weighted by their examples.
    rms: root mean square of accuracy - confidence over bins of equal numbers of
      examples.
    brier: Brier score, the mean squared distance between probabilities and
      one-hot labels, 0 to 2.
    aurra: area under the response rate accuracy curve: the mean accuracy on the
      most confident n examples, averaged over all n.
    bins: bins of equal width for a reliability diagram, without empty ones.
  """

  accuracy: float
  confidence: float
  ece: float
  rms: float
  brier: float
  aurra: float
  bins: list[Bin]


def calibration(
  probabilities: np.ndarray,
  labels: np.ndarray,
  *,
  num_bins: int = 15,
  examples_per_bin: int = 100,
  distribution: bool = True,
) -> Calibration:
  """Calibration errors, and the value of confidence for abstaining.

  Bins of equal width are (0, 1/n], ..., (1 - 1/n, 1]: a confidence of k/n, as
  rounded in the dtype of the probabilities, belongs to the k-th bin. Examples
  of equal confidence are averaged where a bin ends between them, so that their
  order does not matter.

  Args:
    probabilities: `[N, K]`, with rows that sum to 1; see `distribution`.
    labels: int `[N]`.
    num_bins: number of bins of equal width.
    examples_per_bin: approximate number of examples in bins of equal mass; the
      remainder is spread over all bins.
    distribution: whether rows that do not sum to 1 are refused. Sigmoids, each
      the probability of one class, and rounded probabilities need not sum to 1.

  Returns:
    A `Calibration`.

  Raises:
    ValueError: shapes do not match, values are outside [0, 1] or NaN, rows do
      not sum to 1, labels are outside 0..K-1, or a number of bins is below 1.

  Source: Guo et al. 2017 for ECE with 15 bins; Hendrycks, Mazeika & Dietterich
    2019 for the RMS error with bins of 100 examples; Hendrycks et al. 2021,
    "Natural Adversarial Examples", for AURRA.
  Deviation: the code published with the latter omits the bin of the most
    confident examples. Here it counts, so errors differ from its tables.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.calibration import calibration
    >>> probabilities = np.array([[0.75, 0.25]] * 4)
    >>> calibration(probabilities, labels=np.array([0, 0, 0, 1])).ece
    0.0
  """
  given, labels = np.asarray(probabilities), np.asarray(labels)
  probabilities = given.astype(float)
  _check(probabilities, labels, distribution)
  correct = probabilities.argmax(axis=1) == labels
  one_hot = labels[:, None] == np.arange(probabilities.shape[1])
  brier = np.square(probabilities - one_hot).sum(axis=1).mean()
  return _calibration(
    given.max(axis=1), correct, brier, num_bins, examples_per_bin
  )


def calibration_of_events(
  probabilities: np.ndarray,
  happened: np.ndarray,
  *,
  num_bins: int = 15,
  examples_per_bin: int = 100,
) -> Calibration:
  """Calibration errors of predicted probabilities of events.

  An event is an example, its probability the confidence, and it is correct if
  it happens. The Brier score is that of two classes, `2 (p - y)^2` with y in
  {0, 1}.

  Args:
    probabilities: `[N]`, from 0 to 1.
    happened: bool `[N]`.
    num_bins: number of bins of equal width.
    examples_per_bin: approximate number of examples in bins of equal mass.

  Returns:
    A `Calibration`.

  Raises:
    ValueError: shapes do not match, values are outside [0, 1] or NaN, happened
      is not bool, or a number of bins is below 1.

  Source: Kuppers et al. 2020, "Multivariate Confidence Calibration for Object
    Detection", for detections that are true or false.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.calibration import calibration_of_events
    >>> rain = np.array([True, False, False, False])
    >>> calibration_of_events(np.full(4, 0.25), rain).ece
    0.0
  """
  probabilities, happened = np.asarray(probabilities), np.asarray(happened)
  if probabilities.ndim != 1 or happened.shape != probabilities.shape:
    raise ValueError(
      f"probabilities of shape {probabilities.shape} and happened "
      f"{happened.shape}: expected [N] both."
    )
  if happened.dtype != bool:
    raise ValueError(f"happened of dtype {happened.dtype}: expected bool.")
  _check_probabilities(probabilities)
  brier = 2 * np.square(probabilities.astype(float) - happened).mean()
  return _calibration(
    probabilities, happened, brier, num_bins, examples_per_bin
  )


def _calibration(given, correct, brier, num_bins, per_bin) -> Calibration:
  """Calibration of confidences `given`, in the dtype that they come in."""
  for name, value in (
    ("num_bins", num_bins),
    ("examples_per_bin", per_bin),
  ):
    if value < 1:
      raise ValueError(f"{name} = {value}: expected 1 or more.")
  confidence, correct = given.astype(float), correct.astype(float)
  ends = _ends(num_bins, given.dtype)
  bins = _bins(np.searchsorted(ends, confidence), confidence, correct)
  order = np.argsort(confidence, kind="stable")
  fair = _mean_over_ties(confidence, correct)[order]
  size = len(correct)
  num_mass_bins = max(1, size // per_bin)
  mass_bins = np.arange(size) * num_mass_bins // size
  of_equal_mass = _bins(mass_bins, confidence[order], fair)
  prefixes = np.cumsum(fair[::-1]) / np.arange(1, size + 1)
  return Calibration(
    accuracy=float(correct.mean()),
    confidence=float(confidence.mean()),
    ece=_mean_gap(bins, 1),
    rms=_mean_gap(of_equal_mass, 2),
    brier=float(brier),
    aurra=float(prefixes.mean()),
    bins=bins,
  )


def _ends(num_bins, dtype) -> np.ndarray:
  """Returns 1/n, ..., 1 in `dtype`: 0.55 in float32 exceeds 0.55."""
  ends = np.arange(1, num_bins + 1) / num_bins
  if np.issubdtype(dtype, np.floating):
    ends = ends.astype(dtype)
  return ends.astype(float)


def _bins(index, confidence, correct) -> list[Bin]:
  counts = np.bincount(index)
  sums = np.bincount(index, confidence), np.bincount(index, correct)
  return [
    Bin(int(n), float(c / n), float(a / n))
    for n, c, a in zip(counts, *sums, strict=True)
    if n
  ]


def _mean_gap(bins, power):
  """Returns (mean of |accuracy - confidence|^power over examples)^(1/power)."""
  gaps = [abs(b.accuracy - b.confidence) ** power for b in bins]
  return float(
    np.average(gaps, weights=[b.examples for b in bins]) ** (1 / power)
  )


def _mean_over_ties(confidence, correct):
  _, group, counts = np.unique(
    confidence, return_inverse=True, return_counts=True
  )
  return (np.bincount(group, correct) / counts)[group]


def _check_probabilities(probabilities):
  if probabilities.size == 0:
    raise ValueError(
      f"probabilities of shape {probabilities.shape}: expected at least one."
    )
  if not ((probabilities >= 0) & (probabilities <= 1)).all():
    raise ValueError(
      f"probabilities from {probabilities.min():g} to "
      f"{probabilities.max():g}: expected 0 to 1; take the softmax of logits."
    )


def _check(probabilities, labels, distribution):
  if probabilities.ndim != 2:
    raise ValueError(
      f"probabilities of shape {probabilities.shape}: expected [N, K]."
    )
  _check_probabilities(probabilities)
  off = np.abs(probabilities.sum(axis=1) - 1)
  # Allows for float32 sums over a thousand classes and rounded text.
  if distribution and off.max() > 1e-3:
    raise ValueError(
      f"{int((off > 1e-3).sum())} of {len(off)} rows of probabilities do not "
      f"sum to 1, by up to {off.max():g}: expected a distribution over classes."
    )
  if labels.shape != probabilities.shape[:1]:
    raise ValueError(
      f"labels of shape {labels.shape}: expected [{len(probabilities)}]."
    )
  if not np.issubdtype(labels.dtype, np.integer):
    raise ValueError(f"labels of dtype {labels.dtype}: expected integers.")
  if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
    raise ValueError(
      f"labels from {labels.min()} to {labels.max()}: expected "
      f"0..{probabilities.shape[1] - 1}."
    )
