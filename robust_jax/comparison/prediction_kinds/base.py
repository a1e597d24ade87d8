"""The protocol of kinds of predictions."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np


class Predictions(Protocol):
  """Predictions of one model for all examples in one case.

  Attributes:
    kind: kind of the model's outputs, such as "logits".
    missing: number of examples without a prediction.
    unknown: predicted classes that do not exist.
  """

  @property
  def kind(self) -> str: ...

  @property
  def missing(self) -> int: ...

  @property
  def unknown(self) -> tuple[int, ...]: ...


class PredictionKind(Protocol):
  """Everything in which a comparison depends on what models predict.

  Outputs are what a model returns for a batch, an array that leads with the
  examples; predictions are what is read from the outputs for all of them.

  Attributes:
    name: name of its module, under which `comparison.prediction_reports` has
      the report of such predictions.
    meanings: kind of outputs -> its interpretation in words.
    code: names of the modules that read outputs.
  """

  @property
  def name(self) -> str: ...

  @property
  def meanings(self) -> Mapping[Any, str]: ...

  @property
  def code(self) -> tuple[str, ...]: ...

  def check(self, outputs: np.ndarray, size: int, num_classes: int) -> None:
    """Checks the outputs for a batch.

    Args:
      outputs: the outputs.
      size: number of examples.
      num_classes: K.

    Raises:
      ValueError: shape or dtype is another.
    """

  def read(
    self,
    outputs: np.ndarray,
    num_classes: int,
    kind: str | None = None,
    clean: bool = False,
  ) -> Any:
    """Reads the `Predictions` of all outputs.

    Args:
      outputs: outputs for all examples.
      num_classes: K.
      kind: kind of the outputs, if it is known.
      clean: whether the examples are clean.

    Raises:
      ValueError: no output is usable, or outputs are not of the kind.
    """

  def to_arrays(self, predictions: Any) -> dict[str, np.ndarray]:
    """Returns predictions as arrays, which a file holds."""

  def from_arrays(self, arrays: Mapping[str, np.ndarray]) -> Any:
    """Returns predictions from a file.

    Raises:
      KeyError: an array is missing.
    """

  def differ(
    self,
    outputs: np.ndarray,
    predictions: Any,
    rows: np.ndarray,
    num_classes: int,
  ) -> bool:
    """Returns whether outputs lead to other predictions than stored.

    Args:
      outputs: outputs for some of the examples.
      predictions: predictions for all examples.
      rows: indices of those examples.
      num_classes: K.
    """

  def fraction_changed(self, clean: Any, changed: Any) -> float:
    """Returns the fraction of predictions that a change alters."""

  def any_correct(self, predictions: Any, truth: Any) -> bool:
    """Returns whether any prediction is correct.

    Args:
      predictions: predictions for all examples.
      truth: what is true of them, such as labels `[N]`.
    """
