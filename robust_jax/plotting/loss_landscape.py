"""The loss along lines through trained parameters."""

import pathlib
from collections.abc import Mapping

import numpy as np

from robust_jax.plotting.style import (
  finish_axis,
  line_style,
  new_figure,
  save_figure,
)


def draw_loss_along(
  path: pathlib.Path,
  steps: np.ndarray,
  losses: Mapping[str, np.ndarray],
  label: str = "step, in lengths of the filters",
) -> None:
  """One picture of the loss along several directions.

  Args:
    path: of the picture.
    steps: distance from the trained parameters `[S]`, 0 among them.
    losses: name -> the loss at each step `[S]`, positive; or `[N, S]` along N
      directions of one kind, drawn as their mean in the band from the least to
      the most.
    label: of the horizontal axis.

  Raises:
    ValueError: a row of losses has another length than the steps.

  Example:
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "loss.png"
    >>> steps = np.linspace(-1, 1, 5)
    >>> draw_loss_along(path, steps, {"random": 1 + steps**2})
    >>> path.exists()
    True
  """
  figure = new_figure(5.6, 3.8)
  axis = figure.subplots()
  for i, (name, values) in enumerate(losses.items()):
    rows = np.atleast_2d(values)
    if rows.shape[1:] != np.shape(steps):
      raise ValueError(
        f"losses '{name}' of shape {np.shape(values)} for {len(steps)} steps: "
        f"expected [{len(steps)}] or [N, {len(steps)}]."
      )
    style = line_style(i)
    axis.plot(steps, rows.mean(axis=0), **style, lw=1.4, label=name)
    if len(rows) > 1:
      band = rows.min(axis=0), rows.max(axis=0)
      axis.fill_between(steps, *band, color=style["color"], alpha=0.2, lw=0)
  axis.set(xlabel=label, ylabel="loss", yscale="log")
  finish_axis(axis)
  save_figure(figure, path)
