"""Mean corruption error (mCE) relative to a named baseline."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Baseline:
  """Errors of a baseline model.

  Attributes:
    name: name of the model and of the data it was evaluated on.
    errors: corruption -> error at each severity, in [0, 1].
    clean_error: error without corruption, in [0, 1].
  """

  name: str
  errors: Mapping[str, Sequence[float]]
  clean_error: float


@dataclasses.dataclass(frozen=True)
class CorruptionError:
  """Corruption errors in percent; None where the baseline's error is 0 or less.

  Attributes:
    baseline: name of the baseline. The mCE depends on it.
    mean_error: mean over corruptions and severities, not normalized.
    clean_error: error without corruption.
    ce: corruption -> errors relative to those of the baseline.
    mce: mean of `ce`.
    relative_ce: the same for the increase over the clean error.
    relative_mce: mean of `relative_ce`.
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
  """Mean corruption error (mCE), relative mCE and unnormalized mean error.

  `CE_c = sum_s E_{s,c} / sum_s E^base_{s,c}` for corruption c and severities s;
  relative CE has `E_{s,c} - E_clean` in place of `E_{s,c}`, and mCE is the mean
  over corruptions. AlexNet's errors are known for ImageNet-C only (`ALEXNET`);
  on other data another of the compared models is the baseline.

  Args:
    errors: corruption -> error at each severity, in [0, 1].
    clean_error: error without corruption, in [0, 1].
    baseline: errors for the same corruptions, or more, at the same severities.

  Returns:
    A `CorruptionError`.

  Raises:
    ValueError: there are no corruptions, the baseline lacks one, the numbers of
      severities differ, or values are outside [0, 1].

  Source: Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations", section 4.

  Example:
    >>> from robust_jax.statistics import mean_corruption_error as errors
    >>> baseline = errors.Baseline("B", {"fog": [0.4, 0.8]}, clean_error=0.2)
    >>> errors.mean_corruption_error({"fog": [0.2, 0.4]}, 0.1, baseline).mce
    50.0
  """
  _check(errors, clean_error, baseline)
  mean = {name: float(np.mean(row)) for name, row in errors.items()}
  reference = {name: float(np.mean(baseline.errors[name])) for name in mean}
  added = {name: value - clean_error for name, value in mean.items()}
  reference_added = {
    name: value - baseline.clean_error for name, value in reference.items()
  }
  ce, mce = normalized_mean(mean, reference)
  relative_ce, relative_mce = normalized_mean(added, reference_added)
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
  missing = [name for name in errors if name not in baseline.errors]
  if missing:
    raise ValueError(
      f"the baseline '{baseline.name}' has no errors under {missing}: expected "
      f"a model measured under the same corruptions; it has "
      f"{list(baseline.errors)}."
    )
  for name, row in errors.items():
    there = np.shape(baseline.errors[name])
    if np.ndim(row) != 1 or np.shape(row) != there:
      raise ValueError(
        f"errors under {name} at severities of shape {np.shape(row)}, those of "
        f"the baseline '{baseline.name}' of shape {there}: expected as many."
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
    # NaN fails every comparison.
    if not ((values >= 0) & (values <= 1)).all():
      raise ValueError(
        f"errors ({name}) of {values}: expected fractions from 0 to 1, not "
        "percent."
      )


def normalized_mean(
  values: Mapping[str, float], baseline: Mapping[str, float]
) -> tuple[dict[str, float | None], float | None]:
  """Values as percentages of a baseline, and their mean.

  Flip probabilities give flip rates and mFR, top-5 distances give mT5D. Always
  report the baseline with the ratios. Where a value of the baseline is 0 or
  less, the ratio and the mean are None.

  Args:
    values: name -> value.
    baseline: values of the baseline for the same names, or more.

  Returns:
    The ratios by name and their mean, in percent.

  Raises:
    ValueError: there are no values, the baseline lacks a name, or values are
      not finite.

  Example:
    >>> from robust_jax.statistics.mean_corruption_error import normalized_mean
    >>> normalized_mean({"snow": 0.1, "fog": 0.3}, {"snow": 0.2, "fog": 0.3})
    ({'snow': 50.0, 'fog': 100.0}, 75.0)
  """
  if not values:
    raise ValueError("no values: expected at least one.")
  missing = [name for name in values if name not in baseline]
  if missing:
    raise ValueError(
      f"the baseline has no value for {missing}: expected one for each of "
      f"{list(values)}."
    )
  for name, value in values.items():
    if not np.isfinite([value, baseline[name]]).all():
      raise ValueError(
        f"{name} = {value}, of the baseline {baseline[name]}: expected finite "
        "numbers."
      )
  ratios = {
    name: 100 * (value / baseline[name]) if baseline[name] > 0 else None
    for name, value in values.items()
  }
  known = [ratio for ratio in ratios.values() if ratio is not None]
  return ratios, float(np.mean(known)) if len(known) == len(ratios) else None


ALEXNET = Baseline(
  name="AlexNet on ImageNet-C",
  errors={
    "gaussian_noise": (0.69528, 0.82542, 0.93554, 0.98138, 0.99452),
    "shot_noise": (0.71224, 0.85108, 0.93574, 0.98182, 0.99146),
    "impulse_noise": (0.78374, 0.89808, 0.9487, 0.9872, 0.99548),
    "defocus_blur": (0.65624, 0.73202, 0.85036, 0.91364, 0.94714),
    "glass_blur": (0.64308, 0.75054, 0.88806, 0.91622, 0.93344),
    "motion_blur": (0.5843, 0.70048, 0.82108, 0.8975, 0.92638),
    "zoom_blur": (0.70008, 0.76992, 0.80784, 0.84198, 0.87198),
    "snow": (0.71726, 0.88392, 0.86468, 0.9187, 0.94952),
    "frost": (0.6139, 0.79734, 0.8879, 0.89942, 0.9343),
    "fog": (0.67474, 0.7605, 0.84378, 0.8726, 0.945),
    "brightness": (0.4514, 0.48502, 0.54048, 0.62166, 0.7244),
    "contrast": (0.64548, 0.7615, 0.88874, 0.9776, 0.9927),
    "elastic_transform": (0.52596, 0.70116, 0.55686, 0.64076, 0.80554),
    "pixelate": (0.52218, 0.5462, 0.73728, 0.87092, 0.91262),
    "jpeg_compression": (0.51002, 0.54718, 0.57294, 0.65458, 0.74778),
  },
  clean_error=0.4348,
)
