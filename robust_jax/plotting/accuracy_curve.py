"""Robust accuracy as a function of the radius, from smallest norms."""

import pathlib
from collections.abc import Mapping

import matplotlib.figure
import numpy as np

from robust_jax.files import atomic_write
from robust_jax.plotting.line_style import line_style


def accuracy_curve(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Every step of `eps -> fraction of examples farther than eps from an error`.

  Args:
    distances: smallest norm of each example `[N]`: 0 where the clean image is
      answered wrongly, inf where no error was found.

  Returns:
    eps, ascending from 0, and the accuracy from each of them to the next; it
    never rises. A norm of exactly eps is within reach of radius eps.

  Raises:
    ValueError: no distances, or one that is negative or NaN.
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
  path: pathlib.Path, curves: Mapping[str, np.ndarray], norm: str
) -> None:
  """One picture of several: accuracy against the radius, as steps.

  Args:
    path: of the picture.
    curves: name -> distances, as `accuracy_curve` takes them.
    norm: of the axis label, such as "L2".
  """
  figure = matplotlib.figure.Figure((5.6, 3.8), layout="constrained")
  axis = figure.subplots()
  steps = {name: accuracy_curve(d) for name, d in curves.items()}
  end = 1.05 * max(eps[-1] for eps, _ in steps.values())
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
    xlabel=f"eps, radius in {norm}", ylabel="accuracy", ylim=(-0.02, 1.02)
  )
  axis.grid(alpha=0.3)
  axis.spines[["top", "right"]].set_visible(False)
  axis.legend(frameon=False, fontsize=8)
  with atomic_write(path) as new:
    figure.savefig(new, dpi=130)
