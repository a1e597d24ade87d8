"""Figures of one attack: accuracy, and norms of what it changed."""

from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

import jax.numpy as jnp
import numpy as np
import rich.box
import rich.table

from experiments.adversarial_examples.images import LabeledImages
from robust_jax.attacks.minimal_norm.best_adversarial import distance
from robust_jax.types import Norm


class Attacked(NamedTuple):
  """N images and what an attack made of them.

  Attributes:
    images: the clean images.
    x_adv: `[N, H, W, C]`.
    clean_predictions: int `[N]`, classes that the model predicts for the clean
      images.
    predictions: int `[N]`, those for x_adv.
  """

  images: LabeledImages
  x_adv: np.ndarray
  clean_predictions: np.ndarray
  predictions: np.ndarray

  @property
  def was_correct(self) -> np.ndarray:
    """Returns bool `[N]`: the clean image is classified correctly."""
    return self.clean_predictions == self.images.labels

  @property
  def misclassified(self) -> np.ndarray:
    """Returns bool `[N]`: x_adv is misclassified."""
    return self.predictions != self.images.labels


def figures(found: Attacked) -> dict[str, Any]:
  """Measures accuracy and norms.

  Returns:
    "clean_accuracy", "robust_accuracy", and norm -> `[M]`, the norms of the
    perturbations of the M images that are misclassified, and were not before.
  """
  changes = found.x_adv - found.images.x
  changes = changes[found.was_correct & found.misclassified]
  return {
    "clean_accuracy": float(found.was_correct.mean()),
    "robust_accuracy": float(1 - found.misclassified.mean()),
    **{norm: _length(changes, norm) for norm in get_args(Norm)},
  }


def as_json(measured: Mapping[str, Any]) -> dict[str, Any]:
  """Replaces the norms of all images by their median and largest."""
  return {
    name: {"median": float(np.median(value)), "largest": float(value.max())}
    if isinstance(value, np.ndarray) and len(value)
    else None
    if isinstance(value, np.ndarray)
    else value
    for name, value in measured.items()
  }


def table(
  title: str, columns: Mapping[str, Mapping[str, Any]]
) -> rich.table.Table:
  """Makes a table of figures.

  Args:
    title: title of the table.
    columns: heading -> `figures`; one column needs no heading.
  """
  result = rich.table.Table(
    title=title,
    box=rich.box.SIMPLE_HEAD,
    show_header=len(columns) > 1,
    caption_justify="left",
  )
  result.add_column()
  for heading in columns:
    result.add_column(heading)
  every = list(columns.values())
  for kind in ("clean", "robust"):
    values = [f"{one[f'{kind}_accuracy']:.2%}" for one in every]
    result.add_row(f"{kind} accuracy", *values)
  for norm in get_args(Norm):
    if any(len(one[norm]) for one in every):
      spreads = (_spread(one[norm]) for one in every)
      result.add_row(f"{norm.title()} norm", *spreads)
      result.caption = (
        "Norms: median / largest of what makes images misclassified."
      )
  return result


def _spread(values: np.ndarray) -> str:
  if not len(values):
    return "none"
  return f"{np.median(values):.4g} / {values.max():.4g}"


def _length(changes: np.ndarray, norm: Norm) -> np.ndarray:
  if not len(changes):
    return np.zeros(0)
  return np.asarray(distance(jnp.asarray(changes), norm))
