"""Images with boxes around what is in them, beside each other."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.patches
import numpy as np

from robust_jax.boxes import to_corner_and_size
from robust_jax.plotting.style import (
  PALETTE,
  new_figure,
  save_figure,
  show_image,
)

_SIDE = 2.4  # inches of an image
_TITLE = 1.4  # inches beside a row


class BoxedImage(NamedTuple):
  """An image and boxes in it.

  Attributes:
    image: `[H, W, C]` in [0, 1], C of 1 or 3.
    boxes: `[n, 4]` in pixels.
    classes: int `[n]`.
  """

  image: np.ndarray
  boxes: np.ndarray
  classes: np.ndarray


def draw_boxes_on_images(
  path: pathlib.Path,
  rows: Mapping[str, Sequence[BoxedImage]],
  class_names: Sequence[str],
) -> None:
  """Draws rows of images, with a box of the color of its class around each.

  Args:
    path: path of the picture; its suffix gives the format.
    rows: title of a row -> its images, equally many in all rows.
    class_names: K names.

  Example:
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from robust_jax.plotting import boxes_on_images as drawn
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "boxes.png"
    >>> box, hat = np.array([[1.0, 1.0, 5.0, 5.0]]), np.array([0])
    >>> image = drawn.BoxedImage(np.ones((8, 8, 3)), box, hat)
    >>> drawn.draw_boxes_on_images(path, {"clean": [image]}, ["hat"])
    >>> path.exists()
    True
  """
  columns = len(next(iter(rows.values())))
  figure = new_figure(_SIDE * columns + _TITLE, _SIDE * len(rows) + 0.4)
  axes = figure.subplots(len(rows), columns, squeeze=False)
  for line, (title, images) in zip(axes, rows.items(), strict=True):
    for axis, one in zip(line, images, strict=True):
      show_image(axis, one.image)
      for box, class_ in zip(one.boxes, one.classes, strict=True):
        left, top, width, height = to_corner_and_size(box)
        axis.add_patch(
          matplotlib.patches.Rectangle(
            (left - 0.5, top - 0.5),  # pixels are drawn around their numbers
            width,
            height,
            fill=False,
            edgecolor=_color(class_),
            linewidth=1.2,
          )
        )
    line[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=8)
  figure.legend(
    handles=[
      matplotlib.patches.Patch(color=_color(k), label=name)
      for k, name in enumerate(class_names)
    ],
    loc="outside lower center",
    ncols=min(len(class_names), 2 * columns),
    frameon=False,
    fontsize=8,
  )
  save_figure(figure, path)


def _color(class_: int) -> str:
  return PALETTE[class_ % len(PALETTE)]
