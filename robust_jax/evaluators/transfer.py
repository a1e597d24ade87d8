"""Who is fooled by images that were made to fool another."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from robust_jax.black_box.queries import Predict, labels_of


class Transfer(NamedTuple):
  """Fractions of images; rows: what crafted, columns: what was fooled.

  Attributes:
    rows: names of the sources, R.
    columns: names of the victims, C.
    of_all: `[R, C]`, the fraction of all images that the victim answers wrong,
      the ones among them that it answers wrong unattacked: Papernot's figure.
    of_both_right: `[R, C]`, the fraction among the images that source and
      victim both answer right unattacked; NaN where there are none.
    num_both_right: int `[R, C]`, how many these are.
    clean: `[C]`, the victims' accuracy on the originals.
  """

  rows: tuple[str, ...]
  columns: tuple[str, ...]
  of_all: np.ndarray
  of_both_right: np.ndarray
  num_both_right: np.ndarray
  clean: np.ndarray


def transfer(
  crafted: Mapping[str, np.ndarray],
  sources: Mapping[str, Predict],
  victims: Mapping[str, Predict],
  x: np.ndarray,
  labels: np.ndarray,
) -> Transfer:
  """The matrix of transfer between models of any kind.

  Args:
    crafted: source -> its adversarial images `[N, ...]`.
    sources: the same names -> the model that they were crafted on.
    victims: name -> model to be fooled; each a function on the host.
    x: originals `[N, ...]`.
    labels: `[N]`.

  Raises:
    ValueError: a source without model or images, or images of another shape.

  Source: Papernot et al. 2016, "Transferability in Machine Learning".
  """
  if set(crafted) != set(sources):
    raise ValueError(
      f"images of {sorted(crafted)} and models of {sorted(sources)}: expected "
      "both for the same names."
    )
  for name, images in crafted.items():
    if images.shape != x.shape:
      raise ValueError(
        f"images of '{name}' have shape {images.shape}: expected {x.shape}."
      )
  labels = np.asarray(labels)
  source_right = [labels_of(sources[name], x) == labels for name in crafted]
  right = [labels_of(predict, x) == labels for predict in victims.values()]
  wrong = np.stack(
    [
      [labels_of(predict, images) != labels for predict in victims.values()]
      for images in crafted.values()
    ]
  )  # [R, C, N]
  both = np.stack(source_right)[:, None] & np.stack(right)
  count = both.sum(axis=2)
  with np.errstate(invalid="ignore"):
    of_both_right = (wrong & both).sum(axis=2) / count
  return Transfer(
    tuple(crafted),
    tuple(victims),
    wrong.mean(axis=2),
    of_both_right,
    count,
    np.mean(right, axis=1),
  )
