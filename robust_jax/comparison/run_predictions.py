"""Evaluates all models in all cases that are not stored yet."""

import functools
import time
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from robust_jax.comparison.cases import Case
from robust_jax.comparison.data_kinds.base import Inputs
from robust_jax.comparison.load_examples import Group, LoadedExamples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.predict_with_model import (
  ModelFailed,
  predict_in_batches,
  predict_with_model,
)
from robust_jax.comparison.prediction_store import PredictionStore

# Images that are evaluated again to check that a model is unchanged.
_NUM_CHECKED = 64
# Tolerance of the outputs of an unchanged model.
_TOLERANCE = 1e-3


def run_predictions(
  stores: Sequence[PredictionStore],
  examples: LoadedExamples,
  cases: Sequence[Case],
  seed: int,
  on_case: Callable[[int], None],
  interrupted: Callable[[], bool],
) -> bool:
  """Evaluates every model in every case that is not stored yet.

  An example is transformed once for all models, and only if one needs it.

  Args:
    stores: stores of the models.
    examples: the N examples.
    cases: cases beside the clean one, which always comes first.
    seed: seed of the transformations.
    on_case: called with the number of completed cases.
    interrupted: checked after every batch.

  Returns:
    Whether all predictions are stored; False if interrupted.

  Raises:
    ModelFailed: a model fails, or its outputs have another shape. Earlier
      outputs are stored.
  """
  for done, case in enumerate((None, *cases), 1):
    name = CLEAN if case is None else case.name
    missing = [store for store in stores if store.find(name) is None]
    if missing and not _run_case(
      missing, name, examples, case, seed, interrupted
    ):
      return False
    on_case(done)
  return True


def view(
  examples: LoadedExamples,
  group: Group,
  part: slice,
  case: Case | None,
  seed: int,
  model: ComparedModel,
) -> Inputs:
  """Returns B examples of a group as a model sees them.

  Args:
    examples: all examples.
    group: the group.
    part: a batch of the group, or less.
    case: the case; None for clean examples.
    seed: seed of the transformations.
    model: the model, for attacks; other transformations do not depend on it.
  """
  inputs = group.inputs[part]
  if case is None:
    return inputs
  of_model = case.transformation.of_model
  labels = (
    cast(np.ndarray, examples.labels)[group.rows[part]] if of_model else None
  )
  return examples.kind.transform(
    case.transformation,
    inputs,
    group.numbers[part],
    case.level,
    seed,
    group.batch_size,
    labels,
    model.logits_fn,
  )


def count_altered(
  examples: LoadedExamples,
  cases: Sequence[Case],
  seed: int,
  model: ComparedModel,
) -> list[int | None]:
  """Returns the number of examples that each case alters.

  None where the kind of data has no changes that leave examples as they are.

  Args:
    examples: the examples.
    cases: the cases.
    seed: seed of the transformations.
    model: a model, for attacks.
  """
  if not examples.kind.may_keep:
    return [None] * len(cases)
  return [
    sum(
      x != y
      for group in examples.groups
      for x, y in zip(
        group.inputs,
        view(examples, group, slice(None), case, seed, model),
        strict=True,
      )
    )
    for case in cases
  ]


def has_changed(
  store: PredictionStore,
  examples: LoadedExamples,
  cases: Sequence[Case] = (),
  seed: int = 0,
) -> bool:
  """Returns whether a model no longer agrees with its stored predictions.

  The hash of the source code does not cover weights loaded from disk. So some
  clean predictions are recomputed, and some of the case that changes most
  predictions, which reveals other weights best.

  Args:
    store: store of the model.
    examples: the N examples.
    cases: cases beside the clean one.
    seed: seed of the transformations.
  """
  if store.find(CLEAN) is None:
    return _partial_differs(store, examples)
  return any(
    _differs(store, examples, case, seed)
    for case in (None, *_most_harmful(store, examples, cases))
  )


def _partial_differs(store, examples) -> bool:
  """Returns whether outputs of an interrupted clean case have changed."""
  partial, group = store.partial(CLEAN), examples.groups[0]
  part = slice(0, min(partial.count, _NUM_CHECKED, group.batch_size))
  rows, inputs = group.rows[part], group.inputs[part]
  if not len(rows):
    return False
  outputs = predict_with_model(store.model, CLEAN, examples, rows, inputs)
  before = partial.outputs()[part]
  return outputs.shape != before.shape or not np.allclose(
    outputs, before, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True
  )


def _most_harmful(store, examples, cases):
  """Returns the stored case in which most predictions change, in a list."""
  clean, kind = store.get(CLEAN), examples.kind.predictions
  stored = [case for case in cases if store.find(case.name) is not None]
  harm = lambda case: kind.fraction_changed(clean, store.get(case.name))
  return [max(stored, key=harm)] if stored else []


def _differs(store, examples, case, seed) -> bool:
  name = CLEAN if case is None else case.name
  group = examples.groups[0]
  part = slice(0, min(_NUM_CHECKED, group.batch_size))
  rows = group.rows[part]
  inputs = view(examples, group, part, case, seed, store.model)
  outputs = predict_with_model(store.model, name, examples, rows, inputs)
  return examples.kind.predictions.differ(
    outputs, store.get(name), rows, len(examples.class_names)
  )


def _run_case(stores, name, examples, case, seed, interrupted):
  batches = _batches(name, examples, case, seed)
  found = predict_in_batches(stores, name, batches, interrupted)
  if found is None:
    return False
  order = np.concatenate([group.rows for group in examples.groups])
  for store, outputs in zip(stores, found, strict=True):
    try:
      store.save(name, outputs[np.argsort(order)])
    except ValueError as error:
      store.partial(name).clear()
      model = store.model.name
      raise ModelFailed(model, f"model '{model}' ({name}): {error}") from error
  return True


def _batches(name, examples, case, seed):
  """Yields the size of each batch and a function to evaluate a model."""
  for group in examples.groups:
    for start in range(0, len(group.rows), group.batch_size):
      part = slice(start, start + group.batch_size)
      rows = group.rows[part]
      seen = functools.partial(view, examples, group, part, case, seed)
      if not (case and case.transformation.of_model):
        seen = _once(seen)
      yield len(rows), functools.partial(_evaluate, name, examples, rows, seen)


def _once(seen):
  """Caches the examples of the first model for all of them."""
  found = []

  def same(model):
    if not found:
      found.append(seen(model))
    return found[0]

  return same


def _evaluate(name, examples, rows, seen, store, known):
  inputs = seen(store.model)[known:]
  started = time.perf_counter()
  outputs = predict_with_model(
    store.model, name, examples, rows[known:], inputs
  )
  store.seconds.append((time.perf_counter() - started) / len(inputs))
  return outputs
