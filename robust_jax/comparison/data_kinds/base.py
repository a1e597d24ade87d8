"""The protocol of kinds of data whose models can be compared."""

import types
from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import numpy as np

from robust_jax.comparison.prediction_kinds.base import PredictionKind
from robust_jax.comparison.transformation import Transformation
from robust_jax.data.readers.validate_dataset import Defect
from robust_jax.types import Model

Inputs = Any
"""Examples of one layout: an array `[n, ...]`, or a tuple of n texts."""


class DataKind(Protocol):
  """Everything in which a comparison depends on the kind of data.

  Page and predictions ask a kind what an example is, how it is changed and
  shown, and which families of changes it has. The page takes what differs from
  `templates/data_kinds/<name>.html`.

  Attributes:
    name: plural noun in reports, such as "images"; the name of its module.
    families: package of the families, whose `__all__` is their registry.
    predictions: the kind of predictions of models of such data.
    code: names of the modules that change examples, besides families.
    annotated: whether an example has `annotations` instead of a label.
    may_keep: whether a change may leave an example as it is, so that the report
      counts those that differ.
  """

  @property
  def name(self) -> str: ...

  @property
  def families(self) -> types.ModuleType: ...

  @property
  def predictions(self) -> PredictionKind: ...

  @property
  def code(self) -> Sequence[str]: ...

  @property
  def annotated(self) -> bool: ...

  @property
  def may_keep(self) -> bool: ...

  def defect(self, x: Any) -> Defect | None:
    """Returns what is wrong with an example; None if it can be used."""

  def layout(self, x: Any) -> Hashable:
    """Returns what examples of one batch have in common, such as a shape."""

  def batch_size(self, layout: Any) -> int:
    """Returns the number of examples per batch that fit into memory."""

  def stack(self, examples: list[Any]) -> Inputs:
    """Joins examples of one layout; the list may be emptied on the way."""

  def to_bytes(self, x: Any) -> bytes:
    """Returns bytes by which examples are told apart."""

  def facts(self, inputs: Sequence[Inputs]) -> Any:
    """Returns the argument of families; `inputs` are those of all layouts."""

  def seen(self, x: Any) -> Any:
    """Returns what a model sees of an example."""

  def describe(self, inputs: Inputs) -> str:
    """Returns a phrase for error messages, such as "images of shape ..."."""

  def report(self, inputs: Sequence[Inputs]) -> dict[str, Any]:
    """Returns facts of the data as plain values for `report.json`."""

  def transform(
    self,
    transformation: Transformation,
    inputs: Inputs,
    numbers: np.ndarray,
    level: int,
    seed: int,
    batch_size: int,
    labels: np.ndarray | None = None,
    logits_fn: Model | None = None,
  ) -> Inputs:
    """Applies a transformation to a batch.

    The result depends only on (seed, number, name, level) and the example.

    Args:
      transformation: the transformation.
      inputs: B <= batch_size examples.
      numbers: uint32 `[B]`, the `example_number` of each.
      level: one of `transformation.levels`.
      seed: seed of the whole evaluation.
      batch_size: size of a whole batch.
      labels: int `[B]`, for an attack on a model.
      logits_fn: that model.

    Raises:
      ValueError: the change did not return examples of the same kind.
    """

  def show(self, clean: Any, changed: Any) -> dict[str, Any]:
    """Returns an example, clean and changed, as its template shows them."""
