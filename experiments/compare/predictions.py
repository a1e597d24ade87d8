"""All that a comparison asks, with progress, until it is interrupted."""

import itertools
from collections.abc import Mapping, Sequence

from robust_jax.comparison.cases import Cases
from robust_jax.comparison.extra_tests.base import Dependency, TestRun
from robust_jax.comparison.load_images import LoadedImages
from robust_jax.comparison.model import CLEAN
from robust_jax.comparison.predict_with_model import ModelFailed
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.run_predictions import changed, run_predictions
from robust_jax.training.interrupt import interrupt
from robust_jax.training.progress import Progress

# Of so many sizes, programs are compiled for longer than they run.
_MANY_SHAPES = 8


def run_all_predictions(
  kept: Sequence[PredictionStore],
  images: LoadedImages,
  cases: Cases,
  sections: Mapping[str, TestRun],
  seed: int,
) -> bool:
  """Asks what is not answered yet: images, their changes, and sections.

  Args:
    kept: of each model.
    images: those compared.
    cases: under which changes.
    sections: by name.
    seed: of the changes.

  Returns:
    Whether all is there; False if interrupted.

  Raises:
    ModelFailed: one does, or is right about no clean image. All models are
      asked about clean images before anything else.
    OSError: answers cannot be written.
  """
  dependencies = [Dependency(one, images, cases.cases) for one in kept]
  for section in sections.values():
    dependencies += section.dependencies
  _forget_changed(dependencies, seed)
  if len(images.groups) > _MANY_SHAPES:
    print(
      f"The images have {len(images.groups)} sizes, and programs are compiled "
      "for each: --image_size=224 makes all of them 224 x 224 pixels."
    )
  names = [CLEAN, *(case.name for case in cases.cases)]
  answered = lambda name: all(one.read(name) is not None for one in kept)
  before = _first(names, answered)
  # A model may hang; what it has answered is kept batch by batch.
  with interrupt(at_once=True) as interrupted:
    try:
      with Progress("asking", len(names), before) as bar:
        whole = run_predictions(kept, images, (), seed, bar.update, interrupted)
        if whole:
          _check_right(kept, images)
          whole = run_predictions(
            kept, images, cases.cases, seed, bar.update, interrupted
          )
      return whole and all(
        _ask_section(name.replace("_", " "), section, interrupted)
        for name, section in sections.items()
      )
    except KeyboardInterrupt:
      return False


def _check_right(kept: Sequence[PredictionStore], images: LoadedImages):
  if images.labels is None:
    return
  for one in kept:
    if not (one.read(CLEAN).classes == images.labels).any():
      name = one.model.name
      raise ModelFailed(
        name,
        f"model '{name}' answers none of {len(images.ids)} clean images right: "
        "are the classes of the data in the model's order?",
      )


def _forget_changed(dependencies: Sequence[Dependency], seed: int):
  others = ("function", "service")
  functions = [w for w in dependencies if w.kept.model.kind in others]
  names = [w.kept.model.name for w in functions if changed(*w, seed)]
  for name in dict.fromkeys(names):
    print(f"'{name}' answers otherwise than before: asking it anew.")
  for one in functions:
    if one.kept.model.name in names:
      one.kept.forget()


def _ask_section(title, section: TestRun, interrupted) -> bool:
  before = _first(section.steps, section.answered)
  with Progress(title, len(section.steps), before) as bar:
    for done, step in enumerate(section.steps, 1):
      answered = section.answered(step) or section.ask(step, interrupted)
      if not answered:
        return False
      bar.update(done)
  return True


def _first(names, answered) -> int:
  """How many are answered before the first one that is not."""
  return sum(1 for _ in itertools.takewhile(answered, names))
