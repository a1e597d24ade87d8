"""Real and generated points in the plane."""

import pathlib

import numpy as np

from robust_jax.plotting.style import (
  HIGHLIGHT,
  LIGHT_GRAY,
  finish_axis,
  new_figure,
  save_figure,
)


def draw_scatter(
  path: pathlib.Path, real: np.ndarray, generated: np.ndarray
) -> None:
  """Draws generated points over real ones.

  Args:
    path: path of the picture.
    real: `[N, 2]`.
    generated: `[M, 2]`.
  """
  figure = new_figure(4.2, 4.2)
  axis = figure.subplots()
  for points, color, label in (
    (real, LIGHT_GRAY, "real"),
    (generated, HIGHLIGHT, "generated"),
  ):
    axis.scatter(
      points[:, 0], points[:, 1], s=3, color=color, linewidths=0, label=label
    )
  axis.set_aspect("equal")
  finish_axis(axis)
  save_figure(figure, path)
