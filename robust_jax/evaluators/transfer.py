"""Transfer of adversarial examples between models."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from robust_jax.black_box.queries import Predict, predicted_labels


class Transfer(NamedTuple):
  """Transfer rates; rows are source models, columns victim models.

  Attributes:
    rows: names of the R source models, which the images were crafted on.
    columns: names of the C victim models, which are evaluated on them.
    of_all: fraction of all images that the victim misclassifies `[R, C]`,
      including those that it misclassifies without an attack: the figure of
      Papernot et al.
    of_both_correct: the same fraction `[R, C]` of the images that source and
      victim both classify correctly without an attack; NaN if there are none.
    num_both_correct: number of these images, int `[R, C]`.
    clean: the victims' accuracy on the original images `[C]`.
  """

  rows: tuple[str, ...]
  columns: tuple[str, ...]
  of_all: np.ndarray
  of_both_correct: np.ndarray
  num_both_correct: np.ndarray
  clean: np.ndarray


def transfer(
  crafted: Mapping[str, np.ndarray],
  sources: Mapping[str, Predict],
  victims: Mapping[str, Predict],
  x: np.ndarray,
  labels: np.ndarray,
) -> Transfer:
  """Computes the transfer matrix between models of any kind.

  Args:
    crafted: name of a source model -> its adversarial images `[N, ...]`.
    sources: the same names -> the source models, functions on the host.
    victims: name -> victim model, a function on the host.
    x: original images `[N, ...]`.
    labels: classes `[N]`.

  Raises:
    ValueError: a source without model or images, or images of another shape.

  Source: Papernot et al. 2016, "Transferability in Machine Learning".

  Example:
    >>> import numpy as np
    >>> from robust_jax.evaluators.transfer import transfer
    >>> models = {"a": lambda x: x, "b": lambda x: -x}  # logits of 2 classes
    >>> x, labels = np.eye(2), np.arange(2)
    >>> transfer({"a": 1 - x}, {"a": models["a"]}, models, x, labels).of_all
    array([[1., 0.]])
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
  source_correct = [
    predicted_labels(sources[name], x) == labels for name in crafted
  ]
  correct = [
    predicted_labels(predict, x) == labels for predict in victims.values()
  ]
  wrong = np.stack(
    [
      [
        predicted_labels(predict, images) != labels
        for predict in victims.values()
      ]
      for images in crafted.values()
    ]
  )  # [R, C, N]
  both = np.stack(source_correct)[:, None] & np.stack(correct)
  count = both.sum(axis=2)
  with np.errstate(invalid="ignore"):
    of_both_correct = (wrong & both).sum(axis=2) / count
  return Transfer(
    tuple(crafted),
    tuple(victims),
    wrong.mean(axis=2),
    of_both_correct,
    count,
    np.mean(correct, axis=1),
  )
