"""Robust accuracy as a function of the radius, from minimal norms."""

import pathlib
from collections.abc import Mapping

import numpy as np

from robust_jax.plotting.style import (
  finish_axis,
  line_style,
  new_figure,
  save_figure,
)
from robust_jax.types import Norm


def accuracy_curve(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Computes robust accuracy as a step function of the radius.

      accuracy(eps) = fraction of examples with distance > eps

  Args:
    distances: minimal norm of each example `[N]`: 0 if the clean image is
      misclassified, inf if no error was found.

  Returns:
    The radii eps of all steps, ascending from 0, and the accuracy from each of
    them to the next, which never rises.

  Raises:
    ValueError: there are no distances, or one is negative or NaN.

  Example:
    >>> import numpy as np
    >>> from robust_jax.plotting.accuracy_curve import accuracy_curve
    >>> eps, accuracy = accuracy_curve(np.array([0.0, 0.1, 0.3, np.inf]))
    >>> eps.tolist(), accuracy.tolist()
    ([0.0, 0.1, 0.3], [0.75, 0.5, 0.25])
  """
  distances = np.asarray(distances, np.float64)
  if distances.ndim != 1 or distances.size == 0:
    raise ValueError(
      f"distances of shape {distances.shape}: expected [N], one per example."
    )
  if not np.all(distances >= 0):
    raise ValueError(
      "distances that are negative or NaN: expected norms, inf where nothing "
      "was found."
    )
  eps = np.unique(np.append(distances[np.isfinite(distances)], 0.0))
  within = np.searchsorted(np.sort(distances), eps, side="right")
  return eps, 1 - within / len(distances)


def draw_accuracy_curves(
  path: pathlib.Path,
  curves: Mapping[str, np.ndarray],
  norm: Norm,
  measured: str = "accuracy",
) -> None:
  """Draws accuracy against the radius, a step function for each name.

  Args:
    path: path of the picture.
    curves: name -> distances, see `accuracy_curve`.
    norm: name of the norm for the axis label, such as "l2".
    measured: label of the other axis.
  """
  figure = new_figure(5.6, 3.8)
  axis = figure.subplots()
  steps = {name: accuracy_curve(d) for name, d in curves.items()}
  end = 1.05 * max(eps[-1] for eps, _ in steps.values()) or 1.0
  for i, (name, (eps, accuracy)) in enumerate(steps.items()):
    axis.step(
      np.append(eps, end),
      np.append(accuracy, accuracy[-1]),
      where="post",
      **line_style(i),
      lw=1.4,
      label=name,
    )
  axis.set(
    xlabel=f"eps, radius in {norm.title()}",
    ylabel=measured,
    ylim=(-0.02, 1.02),
  )
  finish_axis(axis)
  save_figure(figure, path)
