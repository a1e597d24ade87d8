"""Clean images, adversarial ones, and the difference, in one picture."""

import pathlib
from collections.abc import Sequence

import numpy as np

from robust_jax.plotting.style import new_figure, save_figure, show_image

_SIDE = 1.5  # inches of an image


def draw_adversarial_examples(
  path: pathlib.Path,
  x: np.ndarray,
  x_adv: np.ndarray,
  predicted: Sequence[tuple[str, str]],
) -> None:
  """Draws a column for each image: clean, adversarial, and the difference.

  In the row of the differences gray is no change, and the largest change of an
  image is black or white; the title says by what factor it is amplified.

  Args:
    path: path of the picture; its suffix gives the format.
    x: clean images `[N, H, W, C]` in [0, 1], C of 1 or 3.
    x_adv: adversarial images, likewise.
    predicted: for each image the class that the model predicts for x, and that
      for x_adv.

  Example:
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from robust_jax.plotting import adversarial_examples as drawn
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "pairs.png"
    >>> x = np.full((1, 8, 8, 1), 0.5)
    >>> drawn.draw_adversarial_examples(path, x, x + 0.1, [("cat", "dog")])
    >>> path.exists()
    True
  """
  figure = new_figure(_SIDE * len(x) + 0.4, 3 * (_SIDE + 0.3))
  axes = figure.subplots(3, len(x), squeeze=False)
  for column, (clean, adversarial, names) in enumerate(
    zip(x, x_adv, predicted, strict=True)
  ):
    change = adversarial - clean
    factor = 0.5 / max(np.abs(change).max(), 1e-12)
    shown = (clean, adversarial, 0.5 + factor * change)
    titles = (*names, f"x {factor:.3g}" if change.any() else "unchanged")
    for axis, image, title in zip(axes[:, column], shown, titles, strict=True):
      show_image(axis, image)
      axis.set_title(title, fontsize=8)
  for axis, name in zip(
    axes[:, 0], ("clean", "adversarial", "difference"), strict=True
  ):
    axis.set_ylabel(name)
  save_figure(figure, path)
