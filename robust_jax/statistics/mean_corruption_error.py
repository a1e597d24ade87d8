"""Errors under corruptions, relative to those of a model that is named."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from robust_jax.statistics.normalised_mean import normalised_mean


@dataclasses.dataclass(frozen=True)
class Baseline:
  """What errors are divided by.

  Attributes:
    name: of the model and of the data that it was measured on.
    errors: corruption -> error at each severity, in [0, 1].
    clean_error: without corruption, in [0, 1].
  """

  name: str
  errors: Mapping[str, Sequence[float]]
  clean_error: float


@dataclasses.dataclass(frozen=True)
class CorruptionError:
  """All in percent; None where the baseline leaves nothing to divide by.

  Attributes:
    baseline: its name. The same errors have another mCE beside another one.
    mean_error: mean over corruptions and severities, normalised by nothing.
    clean_error: without corruption.
    ce: corruption -> its errors as a share of the baseline's.
    mce: the mean of these.
    relative_ce: the same of what corruption adds to the clean error.
    relative_mce: the mean of these.
  """

  baseline: str
  mean_error: float
  clean_error: float
  ce: dict[str, float | None]
  mce: float | None
  relative_ce: dict[str, float | None]
  relative_mce: float | None


def mean_corruption_error(
  errors: Mapping[str, Sequence[float]],
  clean_error: float,
  baseline: Baseline,
) -> CorruptionError:
  """mCE and relative mCE beside a named baseline, and the mean error as it is.

  AlexNet's errors exist for ImageNet-C alone (`statistics.alexnet`); on other
  data the baseline is another of the models that are compared.

  Args:
    errors: corruption -> error at each severity, in [0, 1].
    clean_error: without corruption, in [0, 1].
    baseline: of the same corruptions at as many severities, or of more.

  Raises:
    ValueError: no corruptions, one that the baseline lacks, another number of
      severities, or values outside [0, 1].

  Source: Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations", section 4.
  """
  _check(errors, clean_error, baseline)
  mean = {name: float(np.mean(row)) for name, row in errors.items()}
  reference = {name: float(np.mean(baseline.errors[name])) for name in mean}
  added = {name: value - clean_error for name, value in mean.items()}
  reference_added = {
    name: value - baseline.clean_error for name, value in reference.items()
  }
  ce, mce = normalised_mean(mean, reference)
  relative_ce, relative_mce = normalised_mean(added, reference_added)
  return CorruptionError(
    baseline=baseline.name,
    mean_error=100 * float(np.mean(list(mean.values()))),
    clean_error=100 * clean_error,
    ce=ce,
    mce=mce,
    relative_ce=relative_ce,
    relative_mce=relative_mce,
  )


def _check(errors, clean_error, baseline):
  lacking = [name for name in errors if name not in baseline.errors]
  if lacking:
    raise ValueError(
      f"the baseline '{baseline.name}' has no errors under {lacking}: wanted a "
      f"model measured under the same corruptions; it has "
      f"{list(baseline.errors)}."
    )
  for name, row in errors.items():
    there = np.shape(baseline.errors[name])
    if np.ndim(row) != 1 or np.shape(row) != there:
      raise ValueError(
        f"errors under {name} at severities of shape {np.shape(row)}, those of "
        f"the baseline '{baseline.name}' of shape {there}: wanted as many."
      )
  known = {
    "clean": clean_error,
    f"clean of {baseline.name}": baseline.clean_error,
  }
  known |= errors
  known |= {
    f"{name} of {baseline.name}": baseline.errors[name] for name in errors
  }
  for name, values in known.items():
    values = np.asarray(values)
    # NaN is in no interval.
    if not ((values >= 0) & (values <= 1)).all():
      raise ValueError(
        f"errors ({name}) of {values}: wanted shares from 0 to 1, not percent."
      )
