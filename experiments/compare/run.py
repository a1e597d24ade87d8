"""Models under many transformations: which of them would you deploy?"""

import datetime
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.cli import output
from experiments.cli.provenance import machine
from experiments.compare.gate import GateRequest
from experiments.compare.predictions import run_all_predictions
from experiments.compare.print import print_comparison
from experiments.compare.timing import milliseconds
from robust_jax import precision
from robust_jax.comparison.cases import Cases, build_cases
from robust_jax.comparison.extra_tests.base import (
  SECTIONS,
  Context,
  ExtraTest,
  TestRun,
)
from robust_jax.comparison.load_images import LoadedImages, load_images
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.predict_with_model import ModelFailed
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.report.build_report import comparison_report
from robust_jax.comparison.report.failure_gallery import failure_gallery
from robust_jax.comparison.report.html_report import html_report
from robust_jax.data.readers.image_reader import ImageReader
from robust_jax.files import atomic_write, write_json
from robust_jax.lookup import find, members

_LEVEL = 0.95


@precision.evaluation()
def compare(
  models: Mapping[str, ComparedModel],
  dataset: ImageReader,
  out: pathlib.Path,
  *,
  name: str = "data",
  num_examples: int | None = None,
  families: Sequence[str] | None = None,
  seed: int = 0,
  gate: GateRequest | None = None,
  sections: Sequence[ExtraTest] = (),
) -> dict[str, Any] | None:
  """Asks all models about all images in all cases, and reports.

  Writes `report.json` and `report.html` to `out`, prints a table, and returns
  the report. Answers are kept in `out/answers`, so that the same call goes on
  where it was interrupted.

  A model that fails, or is right about no clean image, is left out and said to
  be: the others are compared without it.

  Args:
    models: the models, by name.
    dataset: what they are asked about.
    out: a folder, created if need be.
    name: of the data, for the reader.
    num_examples: how many are drawn at random; None is all.
    families: of transformations; None is all that apply.
    seed: of the draw, the transformations and the bootstrap.
    gate: None is no gate.
    sections: what is asked besides, each of a name of its own.

  Returns:
    The report; None if interrupted.

  Raises:
    ValueError: bad input, no model that can be asked, or a folder that cannot
      be written.
  """
  started = time.monotonic()
  gate = (gate or GateRequest()).of(list(models))
  images = load_images(dataset, num_examples, seed)
  cases = build_cases(images.shapes, families)
  _check_gradients(models, images, cases)
  gate.check(cases)

  def setting(models):
    kept = {
      key: PredictionStore(out, model, images, seed, cases.version)
      for key, model in models.items()
    }
    baseline = gate.baseline if gate.baseline in kept else next(iter(kept))
    return Context(out, kept, images, baseline, num_examples, seed, _LEVEL)

  asked = _ask(models, setting, cases, sections)
  if asked is None:
    print(
      f"interrupted: what was answered is in {out / 'answers'}; give the same "
      "command again to go on."
    )
    return None
  result = _report(asked, cases, gate, name, started)
  print_comparison(result, sections, out)
  return result


class _Asked(NamedTuple):
  """All that was asked and answered.

  Attributes:
    setting: with the models that did not fail.
    sections: by name.
    left_out: model -> why.
  """

  setting: Context
  sections: dict[str, TestRun]
  left_out: dict[str, str]


def _ask(models, setting, cases, sections) -> _Asked | None:
  """Asks all models, and without those that fail anew; None if interrupted."""
  models, left_out = dict(models), {}
  while True:
    now = setting(models)
    asking = {one.name: one.start(now) for one in sections}
    try:
      with output.locked(now.out, "--out"):
        whole = run_all_predictions(
          list(now.kept.values()), now.images, cases, asking, now.seed
        )
      return _Asked(now, asking, left_out) if whole else None
    except ModelFailed as error:
      left_out[error.name] = str(error)
      del models[error.name]
      if not models:
        raise ValueError("; ".join(left_out.values())) from error
      print(f"going on without '{error.name}': {error}")
    except OSError as error:
      raise ValueError(
        f"{now.out} cannot be written ({error.strerror}): give another --out."
      ) from error


def _report(asked: _Asked, cases: Cases, gate, name, started):
  """Writes `report.json` and `report.html`, and returns the former."""
  setting, images = asked.setting, asked.setting.images
  models = {key: one.model for key, one in setting.kept.items()}
  names = [CLEAN, *(case.name for case in cases.cases)]
  reads = {
    key: {case: one.read(case) for case in names}
    for key, one in setting.kept.items()
  }
  compared = comparison_report(
    models,
    reads,
    images,
    cases,
    baseline=setting.baseline,
    milliseconds=milliseconds(setting.out, setting.kept),
    seed=setting.seed,
    level=setting.level,
  )
  failures = {
    key: failure_gallery(outcomes, reads[key], cases.cases)
    for key, outcomes in compared.outcomes.items()
  }
  result = compared.report | {
    **{key: find(SECTIONS, key).nothing for key in members(SECTIONS)},
    **{key: one.report() for key, one in asked.sections.items()},
    "data": {"name": name} | compared.report["data"],
    "gate": gate.judge(compared, setting.seed),
    "models_left_out": asked.left_out,
    "gallery": {
      key: [
        {"id": images.ids[f.row], "case": cases.cases[f.case].name}
        for f in found
      ]
      for key, found in failures.items()
    },
    "date": datetime.date.today().isoformat(),
    "seconds": round(time.monotonic() - started, 1),
    **machine(),
  }
  write_json(setting.out / "report.json", result)
  page = html_report(result, models, images, cases.cases, reads, failures)
  with atomic_write(setting.out / "report.html") as new:
    new.write_text(page, encoding="utf-8")
  return result


def _check_gradients(
  models: Mapping[str, ComparedModel], images: LoadedImages, cases: Cases
):
  of_model = {
    c.condition.family for c in cases.cases if c.transformation.of_model
  }
  for family in of_model:
    for name, model in models.items():
      if model.logits_fn is None:
        raise ValueError(
          f"family '{family}' needs gradients of every model, and '{name}' is "
          f"a {model.kind}: expected runs alone, or another --families."
        )
    if images.labels is None:
      raise ValueError(f"family '{family}' needs images with labels.")
