"""Every model asked about every case that it has not answered yet."""

import functools
import time
from collections.abc import Callable, Sequence

import numpy as np

from robust_jax.comparison.cases import Case
from robust_jax.comparison.load_images import Group, LoadedImages
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.predict_with_model import (
  ModelFailed,
  ask_model,
  in_batches,
)
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.predictors.read_outputs import read_outputs
from robust_jax.comparison.transformation import transformed

# Images that a model is asked about again, to see that it is still the same.
_ASKED_AGAIN = 64
# By how much the same model's probabilities may differ from day to day.
_SAME = 1e-3


def run_predictions(
  kept: Sequence[PredictionStore],
  images: LoadedImages,
  cases: Sequence[Case],
  seed: int,
  on_case: Callable[[int], None],
  interrupted: Callable[[], bool],
) -> bool:
  """Asks every model about every case that it has not answered yet.

  An image is transformed once for all models, and not at all where all have
  answered.

  Args:
    kept: of each model.
    images: the N images.
    cases: beside the clean images, which always come first.
    seed: of the transformations.
    on_case: called with the number of cases done.
    interrupted: asked after every batch.

  Returns:
    Whether all is there; False if interrupted.

  Raises:
    ModelFailed: one does, or answers something of another shape. What was
      answered is kept.
  """
  for done, case in enumerate((None, *cases), 1):
    name = CLEAN if case is None else case.name
    missing = [one for one in kept if one.read(name) is None]
    if missing and not _collect_case(
      missing, name, images, case, seed, interrupted
    ):
      return False
    on_case(done)
  return True


def view(
  images: LoadedImages,
  group: Group,
  part: slice,
  case: Case | None,
  seed: int,
  model: ComparedModel,
) -> np.ndarray:
  """Images of a group, uint8 `[B, H, W, C]`, as a model sees them in a case.

  Args:
    images: all of them.
    group: of which.
    part: a batch of it, or less.
    case: None is clean.
    seed: of the transformations.
    model: the model, for changes against it; all see the same otherwise.
  """
  pixels = group.pixels[part]
  if case is None:
    return pixels
  return transformed(
    case.transformation,
    pixels,
    group.numbers[part],
    case.level,
    seed,
    group.batch_size,
    images.labels[group.rows[part]] if case.transformation.of_model else None,
    model.logits_fn,
  )


def changed(
  kept: PredictionStore,
  images: LoadedImages,
  cases: Sequence[Case] = (),
  seed: int = 0,
) -> bool:
  """Whether a model answers otherwise than it is kept to have.

  Who loads weights from a file cannot be recognized by its code alone. It is
  asked about clean images, and about those of the case that it is hurt by most,
  where other weights show first.

  Args:
    kept: of the model.
    images: the N images.
    cases: beside the clean images.
    seed: of the transformations.
  """
  if kept.read(CLEAN) is None:
    return _began_otherwise(kept, images)
  return any(
    _differs(kept, images, case, seed)
    for case in (None, *_most_harmful(kept, cases))
  )


def _began_otherwise(kept, images) -> bool:
  """Of clean images that were interrupted."""
  began, group = kept.partial(CLEAN), images.groups[0]
  part = slice(0, min(began.count, _ASKED_AGAIN, group.batch_size))
  rows, pixels = group.rows[part], group.pixels[part]
  if not len(rows):
    return False
  answers = ask_model(kept.model, CLEAN, images, rows, pixels)
  before = began.answers()[part]
  return answers.shape != before.shape or not np.allclose(
    answers, before, rtol=_SAME, atol=_SAME, equal_nan=True
  )


def _most_harmful(kept, cases):
  """The case, of those kept, in which most answers are no longer the same."""
  clean = kept.read(CLEAN).classes
  answered = [case for case in cases if kept.read(case.name) is not None]
  harm = lambda case: (kept.read(case.name).classes != clean).mean()
  return [max(answered, key=harm)] if answered else []


def _differs(kept, images, case, seed) -> bool:
  name = CLEAN if case is None else case.name
  before, group = kept.read(name), images.groups[0]
  part = slice(0, min(_ASKED_AGAIN, group.batch_size))
  rows = group.rows[part]
  pixels = view(images, group, part, case, seed, kept.model)
  answers = ask_model(kept.model, name, images, rows, pixels)
  if (answers.ndim == 1) != (before.kind == "classes"):
    return True
  try:
    now = read_outputs(answers, len(images.class_names), before.kind)
  except ValueError:  # scores that were probabilities before
    return True
  if now.probabilities is None:
    return bool((now.classes != before.classes[rows]).any())
  # Where there is no answer, probabilities are 0 and confidences NaN.
  was = np.nan_to_num(before.confidences[rows])
  sure = now.probabilities.max(axis=1)
  if len(before.probabilities):
    was, sure = before.probabilities[rows], now.probabilities
  return bool(np.abs(sure - was).max() > _SAME)


def _collect_case(missing, name, images, case, seed, interrupted):
  batches = _batches(name, images, case, seed)
  found = in_batches(missing, name, batches, interrupted)
  if found is None:
    return False
  order = np.concatenate([group.rows for group in images.groups])
  for one, answers in zip(missing, found, strict=True):
    try:
      one.write(name, answers[np.argsort(order)])
    except ValueError as error:
      one.partial(name).drop()
      model = one.model.name
      raise ModelFailed(model, f"model '{model}' ({name}): {error}") from error
  return True


def _batches(name, images, case, seed):
  """How many images are in each, and what asks a model about them."""
  for group in images.groups:
    for start in range(0, len(group.rows), group.batch_size):
      part = slice(start, start + group.batch_size)
      rows = group.rows[part]
      seen = functools.partial(view, images, group, part, case, seed)
      if not (case and case.transformation.of_model):
        seen = _once(seen)
      yield len(rows), functools.partial(_ask, name, images, rows, seen)


def _once(seen):
  """What the first model sees, for all of them."""
  found = []

  def same(model):
    if not found:
      found.append(seen(model))
    return found[0]

  return same


def _ask(name, images, rows, seen, one, known):
  pixels = seen(one.model)[known:]
  started = time.perf_counter()
  answers = ask_model(one.model, name, images, rows[known:], pixels)
  one.seconds.append((time.perf_counter() - started) / len(pixels))
  return answers
