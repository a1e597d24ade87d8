"""Texts: strings of any length."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from robust_jax.comparison import text_families
from robust_jax.comparison.data_kinds._text_difference import text_difference
from robust_jax.comparison.prediction_kinds.base import PredictionKind
from robust_jax.comparison.prediction_kinds.classes import CLASSES
from robust_jax.comparison.transformation import Transformation
from robust_jax.data.readers.validate_dataset import Defect
from robust_jax.types import Model

_BATCH = 256


class Texts:
  """Texts of any length, as strings; a `DataKind`.

  Example:
    >>> from robust_jax.comparison.data_kinds import Texts
    >>> Texts().defect(" ")
    ('empty text', 'no character that can be seen.')
  """

  name = "texts"
  families = text_families
  predictions: PredictionKind = CLASSES
  code = (
    "robust_jax.comparison.data_kinds.texts",
    "robust_jax.comparison.text_families",
  )
  annotated = False
  may_keep = True

  def defect(self, x: Any) -> Defect | None:
    if not isinstance(x, str):
      return "not a text", f"{type(x).__name__}: expected a string."
    return (
      None if x.strip() else ("empty text", "no character that can be seen.")
    )

  def layout(self, x: str) -> None:
    """All texts share batches: models pad them."""

  def batch_size(self, layout: None) -> int:
    return _BATCH

  def stack(self, examples: list[Any]) -> tuple[str, ...]:
    return tuple(examples)

  def to_bytes(self, x: str) -> bytes:
    # The length tells "a", "b" from "ab", "".
    data = x.encode("utf-8", "surrogatepass")
    return f"{len(data)} ".encode() + data

  def facts(self, inputs: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Returns all texts."""
    return tuple(text for group in inputs for text in group)

  def seen(self, x: str) -> str:
    return x

  def describe(self, inputs: tuple[str, ...]) -> str:
    return f"{len(inputs)} texts"

  def report(self, inputs: Sequence[tuple[str, ...]]) -> dict[str, Any]:
    """Returns the least, median and largest number of words."""
    words = [len(text.split()) for text in self.facts(inputs)]
    least, median, most = np.quantile(words, (0, 0.5, 1)).tolist()
    return {"words": {"least": least, "median": median, "most": most}}

  def transform(
    self,
    transformation: Transformation,
    inputs: tuple[str, ...],
    numbers: np.ndarray,
    level: int,
    seed: int,
    batch_size: int,
    labels: np.ndarray | None = None,
    logits_fn: Model | None = None,
  ) -> tuple[str, ...]:
    """Applies a change to each text by itself; see `DataKind.transform`.

    All levels draw the same random numbers, so that a higher one can change
    more of the same.
    """
    del batch_size, labels, logits_fn
    name = transformation.name
    changed = tuple(
      transformation.change(
        text, random.Random(f"{seed} {number} {name}"), level
      )
      for text, number in zip(inputs, numbers, strict=True)
    )
    for text in changed:
      if found := self.defect(text):
        raise ValueError(
          f"'{name}' made {text!r} of a text: {': '.join(found)}"
        )
    return changed

  def show(self, clean: str, changed: str) -> dict[str, Any]:
    """Returns the pieces of a readable difference."""
    return {"pieces": text_difference(clean, changed)}


TEXTS = Texts()
