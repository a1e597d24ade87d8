"""Every model asked about every case that it has not answered yet."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from robust_jax.adapters.read_answers import read_answers
from robust_jax.evaluation.answers import Answers
from robust_jax.evaluation.ask_entrant import ModelFailed, ask_entrant
from robust_jax.evaluation.catalogue import Case
from robust_jax.evaluation.entrant import CLEAN, Entrant
from robust_jax.evaluation.held_images import Group, HeldImages
from robust_jax.evaluation.transformation import transformed

# Images that a model is asked about again, to see that it is still the same.
_ASKED_AGAIN = 16
# By how much the same model's probabilities may differ from day to day.
_SAME = 1e-3


def collect(
  kept: Sequence[Answers],
  images: HeldImages,
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
    Whether all is there; False if interrupted, when whole cases are.

  Raises:
    ModelFailed: one does, or answers something of another shape. What others
      have answered in whole cases is kept.
  """
  for done, case in enumerate((None, *cases), 1):
    name = CLEAN if case is None else case.name
    lacking = [one for one in kept if one.read(name) is None]
    if lacking and not _collect_case(
      lacking, name, images, case, seed, interrupted
    ):
      return False
    on_case(done)
  return True


def view(
  images: HeldImages,
  group: Group,
  part: slice,
  case: Case | None,
  seed: int,
  entrant: Entrant,
) -> np.ndarray:
  """Images of a group, uint8 `[B, H, W, C]`, as a model sees them in a case.

  Args:
    images: all of them.
    group: of which.
    part: a batch of it, or less.
    case: None is clean.
    seed: of the transformations.
    entrant: the model, for changes against it; all see the same otherwise.
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
    entrant.logits_fn,
  )


def changed(kept: Answers, images: HeldImages) -> bool:
  """Whether a model answers clean images otherwise than it is kept to have.

  Who loads weights from a file cannot be recognised by its code alone.
  """
  before = kept.read(CLEAN)
  if before is None:
    return False
  group = images.groups[0]
  rows, pixels = group.rows[:_ASKED_AGAIN], group.pixels[:_ASKED_AGAIN]
  answers = ask_entrant(kept.entrant, CLEAN, images, rows, pixels)
  if (answers.ndim == 1) != (before.kind == "classes"):
    return True
  try:
    now = read_answers(answers, len(images.class_names), before.kind)
  except ValueError:  # scores that were probabilities before
    return True
  if now.probabilities is None:
    return bool((now.classes != before.classes[rows]).any())
  difference = np.abs(now.probabilities - before.probabilities[rows])
  return bool(difference.max() > _SAME)


def _collect_case(lacking, name, images, case, seed, interrupted):
  found: dict[str, np.ndarray] = {}
  seconds = dict.fromkeys((one.entrant.name for one in lacking), 0.0)
  for group in images.groups:
    size = group.batch_size
    for start in range(0, len(group.rows), size):
      if interrupted():
        return False
      rows = group.rows[start : start + size]
      part = slice(start, start + size)
      pixels = None
      for one in lacking:
        if pixels is None or (case and case.transformation.of_model):
          pixels = view(images, group, part, case, seed, one.entrant)
        started = time.perf_counter()
        answer = ask_entrant(one.entrant, name, images, rows, pixels)
        seconds[one.entrant.name] += time.perf_counter() - started
        _put(found, one.entrant.name, rows, answer, len(images.ids))
  for one in lacking:
    try:
      one.write(name, found[one.entrant.name], seconds[one.entrant.name])
    except ValueError as error:
      raise ModelFailed(
        one.entrant.name, f"model '{one.entrant.name}' ({name}): {error}"
      ) from error
  return True


def _put(found, name, rows, answer, total):
  if name not in found:
    found[name] = np.empty((total, *answer.shape[1:]), answer.dtype)
  if found[name].shape[1:] != answer.shape[1:]:
    raise ModelFailed(
      name,
      f"model '{name}' answered classes to some images and scores to others: "
      "wanted one of the two.",
    )
  found[name][rows] = answer
