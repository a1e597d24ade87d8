"""All predictions of a comparison, with progress and interruption."""

import itertools
from collections.abc import Mapping, Sequence

from robust_jax.comparison.cases import Cases
from robust_jax.comparison.extra_tests.base import Dependency, TestRun
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import CLEAN
from robust_jax.comparison.predict_with_model import ModelFailed
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.report.build_report import report_of
from robust_jax.comparison.run_predictions import has_changed, run_predictions
from robust_jax.training.interrupt import interrupt
from robust_jax.training.progress import Progress

# With more shapes than this, compilation dominates the time.
_MANY_SHAPES = 8


def run_all_predictions(
  stores: Sequence[PredictionStore],
  examples: LoadedExamples,
  cases: Cases,
  extra_tests: Mapping[str, TestRun],
  seed: int,
) -> bool:
  """Evaluates what is not stored yet: clean examples, cases and extra tests.

  Args:
    stores: store of each model.
    examples: the compared examples.
    cases: the cases.
    extra_tests: runs of extra tests by name.
    seed: seed of the transformations.

  Returns:
    Whether all predictions are stored; False if interrupted.

  Raises:
    ModelFailed: a model fails, or classifies no clean image correctly. All
      models are evaluated on clean examples first.
    OSError: predictions cannot be written.
  """
  dependencies = [Dependency(one, examples, cases.cases) for one in stores]
  for extra_test in extra_tests.values():
    dependencies += extra_test.dependencies
  _clear_changed(dependencies, seed)
  if len(examples.groups) > _MANY_SHAPES:
    print(
      f"The images have {len(examples.groups)} sizes, and programs are "
      "compiled for each: --image_size=224 makes all of them 224 x 224 pixels."
    )
  names = [CLEAN, *(case.name for case in cases.cases)]
  is_done = lambda name: all(one.find(name) is not None for one in stores)
  before = _num_done(names, is_done)
  # A model may hang; its outputs are stored batch by batch.
  with interrupt(at_once=True) as interrupted:
    try:
      with Progress("predicting", len(names), before) as bar:
        whole = run_predictions(
          stores, examples, (), seed, bar.update, interrupted
        )
        if whole:
          _check_correct(stores, examples)
          whole = run_predictions(
            stores, examples, cases.cases, seed, bar.update, interrupted
          )
      return whole and all(
        _run_extra_test(name.replace("_", " "), one, interrupted)
        for name, one in extra_tests.items()
      )
    except KeyboardInterrupt:
      return False


def _check_correct(stores: Sequence[PredictionStore], examples: LoadedExamples):
  if not examples.labeled:
    return
  words = report_of(examples).words
  for one in stores:
    kind = examples.kind.predictions
    if not kind.any_correct(one.get(CLEAN), examples.truth):
      name = one.model.name
      raise ModelFailed(
        name,
        f"model '{name}' {words.is_right} no {words.unit}{words.correctly}: "
        "are the classes of the data in the model's order?",
      )


def _clear_changed(dependencies: Sequence[Dependency], seed: int):
  others = ("function", "service")
  functions = [d for d in dependencies if d.store.model.kind in others]
  names = [d.store.model.name for d in functions if has_changed(*d, seed)]
  for name in dict.fromkeys(names):
    print(f"'{name}' has changed: all its predictions are computed again.")
  for one in functions:
    if one.store.model.name in names:
      one.store.clear()


def _run_extra_test(title, run: TestRun, interrupted) -> bool:
  before = _num_done(run.steps, run.is_done)
  with Progress(title, len(run.steps), before) as bar:
    for done, step in enumerate(run.steps, 1):
      if not (run.is_done(step) or run.run(step, interrupted)):
        return False
      bar.update(done)
  return True


def _num_done(names, is_done) -> int:
  """Counts the names before the first one that is not done."""
  return sum(1 for _ in itertools.takewhile(is_done, names))
