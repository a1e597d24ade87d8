"""Predictions of one model for some examples; failures name the model."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from robust_jax.comparison.data_kinds.base import Inputs
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.predictors.predict import predict_batches
from robust_jax.comparison.predictors.read_outputs import read_outputs
from robust_jax.comparison.predictors.retry import NoResponse


class ModelFailed(ValueError):
  """A model that fails; the comparison continues without it.

  Attributes:
    name: name of the model.
  """

  def __init__(self, name: str, message: str):
    super().__init__(message)
    self.name = name


def predict_with_model(
  model: ComparedModel,
  case: str,
  examples: LoadedExamples,
  rows: Sequence[int],
  inputs: Inputs,
) -> np.ndarray:
  """Returns the outputs of a model for a batch: float `[B, K]` or int `[B]`.

  Args:
    model: the model.
    case: name of the case.
    examples: examples of the comparison.
    rows: `[B]`, indices of those in the batch.
    inputs: B examples as seen by the model.

  Raises:
    ModelFailed: the model raises, or its outputs have another shape.
  """
  ids = [examples.ids[row] for row in rows]
  try:
    return predict_batches(
      lambda batch: model.predict(case, ids, batch),
      [examples.kind.seen(x) for x in inputs],
      len(examples.class_names),
      batch_size=model.batch_size or len(rows),
      retries=model.retries,
      kind=examples.kind.predictions,
    )
  except Exception as error:  # the user's code may raise anything
    is_sentence = isinstance(error, ValueError | NoResponse)
    kind = "" if is_sentence else f"{type(error).__name__}: "
    raise ModelFailed(
      model.name,
      f"model '{model.name}' failed on {examples.kind.describe(inputs)} "
      f"({case}): {kind}{error}",
    ) from error


def predict_in_batches(
  stores: Sequence[PredictionStore],
  case: str,
  batches: Iterable[tuple[int, Callable[[PredictionStore, int], np.ndarray]]],
  interrupted: Callable[[], bool],
) -> list[np.ndarray] | None:
  """Returns the outputs of several models for a case, batch by batch.

  It continues where an earlier call was interrupted. Outputs are stored batch
  by batch, however it ends.

  Args:
    stores: stores of the models.
    case: name of the case.
    batches: for each batch, its size and a function `(store, known) -> outputs`
      that evaluates the model of a store, except for the first `known`
      examples.
    interrupted: checked before every batch.

  Returns:
    For each model `[N, K]` or `[N]`, in the order of evaluation; None if
    interrupted.

  Raises:
    ModelFailed: a model fails, or returns both classes and scores.
  """
  parts = [store.partial(case) for store in stores]
  start = 0
  try:
    for size, evaluate in batches:
      if interrupted():
        break
      for store, part in zip(stores, parts, strict=True):
        known = max(0, part.count - start)
        if known < size:
          _append(store.model.name, part, evaluate(store, known))
      start += size
    else:
      return [part.outputs() for part in parts]
  except BaseException:
    _save(parts)
    raise
  _save(parts)
  return None


def _append(name, part, outputs):
  try:
    part.append(outputs)
  except ValueError as error:
    part.clear()
    raise ModelFailed(name, f"model '{name}': {error}") from error


def _save(parts):
  for part in parts:
    part.save()


def predict_classes(
  store: PredictionStore,
  case: str,
  examples: LoadedExamples,
  rows: Sequence[int],
  inputs: Inputs,
) -> np.ndarray:
  """Returns the classes `[B]` predicted for a batch; -1 for no prediction.

  Outputs are of the kind of those for clean examples, which must be stored.

  Args:
    store: store of the model.
    case: name of the case.
    examples: examples of the comparison.
    rows: `[B]`, indices of those in the batch.
    inputs: B examples as seen by the model.

  Raises:
    ModelFailed: see `predict_with_model`; or classes are returned for scores.
  """
  num_classes, kind = len(examples.class_names), store.get(CLEAN).kind
  outputs = predict_with_model(store.model, case, examples, rows, inputs)
  try:
    return read_outputs(outputs, num_classes, kind).classes
  except ValueError as error:
    name = store.model.name
    raise ModelFailed(name, f"model '{name}' ({case}): {error}") from error
