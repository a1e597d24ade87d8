"""Comparison of models under many transformations, with a report."""

import datetime
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from experiments.cli import output
from experiments.cli.provenance import machine
from experiments.compare.gate import GateRequest
from experiments.compare.predictions import run_all_predictions
from experiments.compare.print import print_comparison
from experiments.compare.timing import milliseconds
from robust_jax import precision
from robust_jax.comparison.cases import Cases, build_cases
from robust_jax.comparison.data_kinds.base import DataKind
from robust_jax.comparison.data_kinds.images import IMAGES
from robust_jax.comparison.extra_tests.base import (
  EXTRA_TESTS,
  Context,
  ExtraTest,
  TestRun,
)
from robust_jax.comparison.load_examples import LoadedExamples, load_examples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.predict_with_model import ModelFailed
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.report.build_report import (
  comparison_report,
  report_of,
)
from robust_jax.comparison.report.html_report import html_report
from robust_jax.data.readers.reader import Reader
from robust_jax.files import atomic_write, write_json
from robust_jax.lookup import find, members
from robust_jax.statistics.outcomes import INVARIANCE_TESTS

_LEVEL = 0.95


@precision.evaluation()
def compare(
  models: Mapping[str, ComparedModel],
  dataset: Reader,
  out: pathlib.Path,
  *,
  name: str = "data",
  num_examples: int | None = None,
  families: Sequence[str] | None = None,
  seed: int = 0,
  gate: GateRequest | None = None,
  extra_tests: Sequence[ExtraTest] = (),
  kind: DataKind = IMAGES,
) -> dict[str, Any] | None:
  """Evaluates all models on all examples in all cases, and writes a report.

  Writes `report.json` and `report.html` to `out`, prints a table, and returns
  the report. Predictions are stored in `out/predictions`, so the same call
  continues where it was interrupted.

  A model that fails, or classifies no clean example correctly, is left out and
  reported; the others are compared without it.

  Args:
    models: models by name.
    dataset: the examples.
    out: folder of the report, created if necessary.
    name: name of the data in the report.
    num_examples: number of examples to draw at random; None for all.
    families: families of transformations; None for all that apply by default.
    seed: seed of the draw, the transformations and the bootstrap.
    gate: the gate, or None.
    extra_tests: extra tests with distinct names; they are of images.
    kind: the kind of data.

  Returns:
    The report; None if interrupted.

  Raises:
    ValueError: the input is invalid, all models fail, or the folder cannot be
      written.
  """
  started = time.monotonic()
  gate = (gate or GateRequest()).resolve(list(models))
  examples = load_examples(dataset, num_examples, seed, kind)
  cases = build_cases(examples.facts, families, examples.kind)
  _check_gradients(models, examples, cases)
  _check_classes(models, examples)
  _check_trained_families(models, cases)
  gate.check(cases)

  def context_of(models):
    stores = {
      key: PredictionStore(out, model, examples, seed, cases.version)
      for key, model in models.items()
    }
    baseline = gate.baseline if gate.baseline in stores else next(iter(stores))
    return Context(out, stores, examples, baseline, num_examples, seed, _LEVEL)

  evaluated = _evaluate(models, context_of, cases, extra_tests)
  if evaluated is None:
    print(
      f"interrupted: predictions are stored in {out / 'predictions'}; give the "
      "same command again to continue."
    )
    return None
  result = _report(evaluated, cases, gate, name, started)
  print_comparison(result, extra_tests, out)
  return result


class _Evaluated(NamedTuple):
  """All models that were evaluated.

  Attributes:
    context: context with the models that did not fail.
    extra_tests: runs of extra tests by name.
    left_out: model -> reason.
  """

  context: Context
  extra_tests: dict[str, TestRun]
  left_out: dict[str, str]


def _evaluate(
  models: Mapping[str, ComparedModel],
  context_of: Callable[[Mapping[str, ComparedModel]], Context],
  cases: Cases,
  extra_tests: Sequence[ExtraTest],
) -> _Evaluated | None:
  """Evaluates all models except those that fail; None if interrupted."""
  models = dict(models)
  left_out: dict[str, str] = {}
  while True:
    now = context_of(models)
    runs = {one.name: one.start(now) for one in extra_tests}
    try:
      with output.locked(now.out, "--out"):
        whole = run_all_predictions(
          list(now.stores.values()), now.examples, cases, runs, now.seed
        )
      return _Evaluated(now, runs, left_out) if whole else None
    except ModelFailed as error:
      left_out[error.name] = str(error)
      del models[error.name]
      if not models:
        raise ValueError("; ".join(left_out.values())) from error
      print(f"continuing without '{error.name}': {error}")
    except OSError as error:
      raise ValueError(
        f"{now.out} cannot be written ({error.strerror}): give another --out."
      ) from error


def _report(evaluated: _Evaluated, cases: Cases, gate, name, started):
  """Writes `report.json` and `report.html`, and returns the former."""
  context, examples = evaluated.context, evaluated.context.examples
  models = {key: one.model for key, one in context.stores.items()}
  names = [CLEAN, *(case.name for case in cases.cases)]
  predictions = {
    key: {case: one.get(case) for case in names}
    for key, one in context.stores.items()
  }
  compared = comparison_report(
    models,
    predictions,
    examples,
    cases,
    baseline=context.baseline,
    milliseconds=milliseconds(context.out, context.stores),
    seed=context.seed,
    level=context.level,
  )
  failures = {
    key: report_of(examples).failures(
      outcomes, predictions[key], examples, cases.cases
    )
    for key, outcomes in compared.measured.outcomes.items()
  }
  result = compared.report | {
    **{key: find(EXTRA_TESTS, key).empty for key in members(EXTRA_TESTS)},
    **{key: one.report() for key, one in evaluated.extra_tests.items()},
    "data": {"name": name} | compared.report["data"],
    "gate": gate.evaluate(compared, context.seed),
    "models_left_out": evaluated.left_out,
    "gallery": {
      key: [
        {"id": examples.ids[f.row], "case": cases.cases[f.case].name}
        for f in found
      ]
      for key, found in failures.items()
    },
    "date": datetime.date.today().isoformat(),
    "seconds": round(time.monotonic() - started, 1),
    **machine(),
  }
  write_json(context.out / "report.json", result)
  page = html_report(
    result, models, examples, cases.cases, predictions, failures
  )
  with atomic_write(context.out / "report.html") as new:
    new.write_text(page, encoding="utf-8")
  return result


def _check_classes(
  models: Mapping[str, ComparedModel], examples: LoadedExamples
):
  """Refuses classes that a model has in another order than the data."""
  own = examples.class_names
  for name, model in models.items():
    if set(model.class_names) == set(own) and model.class_names != own:
      raise ValueError(
        f"model '{name}' has the classes {', '.join(model.class_names)}, and "
        f"the data {', '.join(own)}: expected one order, as by "
        f"--class_names={','.join(model.class_names)}."
      )


def _check_trained_families(models: Mapping[str, ComparedModel], cases: Cases):
  known = [family for family in cases.about if family != INVARIANCE_TESTS]
  for name, model in models.items():
    for family in model.trained_families:
      if family not in known:
        raise ValueError(
          f"--trained_families {name}={family}: expected families that are "
          f"tested, of {', '.join(known)}."
        )


def _check_gradients(
  models: Mapping[str, ComparedModel], examples: LoadedExamples, cases: Cases
):
  of_model = {
    c.condition.family for c in cases.cases if c.transformation.of_model
  }
  for family in of_model:
    if examples.kind.annotated:
      raise ValueError(
        f"family '{family}' attacks the logits of classifiers, and the data "
        "are annotated images: expected another --families. Detectors are "
        "attacked by `python -m experiments.studies.detector_attacks`."
      )
    for name, model in models.items():
      if model.logits_fn is None:
        raise ValueError(
          f"family '{family}' needs gradients of every model, and '{name}' is "
          f"a {model.kind}: expected runs alone, or another --families."
        )
    if examples.labels is None:
      raise ValueError(f"family '{family}' needs examples with labels.")
