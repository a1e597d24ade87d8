"""The mean of ratios to a baseline: what mCE, mFR and mT5D are."""

from collections.abc import Mapping

import numpy as np


def normalised_mean(
  values: Mapping[str, float], baseline: Mapping[str, float]
) -> tuple[dict[str, float | None], float | None]:
  """Each value as a percentage of the baseline's, and their mean.

  With flip probabilities per perturbation it gives flip rates and mFR, with
  top-5 distances mT5D. What the ratios mean depends on whose the baseline is:
  say so beside them.

  A baseline of 0 or less has no ratio: None stands for it, and for the mean.

  Args:
    values: name -> value.
    baseline: the same of the model to compare with; more names do not matter.

  Raises:
    ValueError: no values, names that the baseline lacks, or NaN.
  """
  if not values:
    raise ValueError("no values: wanted at least one to take the mean of.")
  lacking = [name for name in values if name not in baseline]
  if lacking:
    raise ValueError(
      f"the baseline has no value for {lacking}: wanted one for each of "
      f"{list(values)}."
    )
  for name, value in values.items():
    if not np.isfinite([value, baseline[name]]).all():
      raise ValueError(
        f"{name} = {value}, of the baseline {baseline[name]}: wanted finite "
        "numbers."
      )
  ratios = {
    name: 100 * (value / baseline[name]) if baseline[name] > 0 else None
    for name, value in values.items()
  }
  if None in ratios.values():
    return ratios, None
  return ratios, float(np.mean(list(ratios.values())))
