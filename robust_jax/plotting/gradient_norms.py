"""The picture of gradient norms of a generator, while its opponent learns."""

import pathlib
from collections.abc import Mapping

import numpy as np

from robust_jax.plotting.style import (
  PALETTE,
  finish_axis,
  new_figure,
  save_figure,
)

_DASHES = ("--", "-", ":", "-.")


def draw_gradient_norms(
  path: pathlib.Path,
  moves: np.ndarray,
  norms: Mapping[str, Mapping[str, np.ndarray]],
) -> None:
  """Draws norms on a logarithmic scale; a color per run, a dash per loss.

  Args:
    path: path of the picture.
    moves: numbers `[M]` of moves of the discriminator.
    norms: name of a run -> name of a loss -> norms `[M]`, positive.
  """
  figure = new_figure(8.0, 3.6)
  axis = figure.subplots()
  for color, (run, losses) in zip(PALETTE, norms.items(), strict=False):
    for dash, (loss, values) in zip(_DASHES, losses.items(), strict=False):
      axis.semilogy(
        moves, values, color=color, linestyle=dash, label=f"{run}, {loss}"
      )
  axis.set(
    xlabel="moves of a new discriminator",
    ylabel="gradient norm of the generator",
  )
  finish_axis(axis, legend=False)
  figure.legend(loc="outside right upper", frameon=False, fontsize=8)
  save_figure(figure, path)
