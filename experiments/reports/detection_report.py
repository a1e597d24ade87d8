"""Report of a detector: average precision and detections under attacks."""

import pathlib
import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import rich.box
import rich.table
from ml_collections import ConfigDict

from experiments import build
from experiments.build import sections
from experiments.build.imports import named_modules
from experiments.build.options import call
from experiments.cli.provenance import provenance
from experiments.load_run import Run, load_run
from robust_jax import evaluators, parallel
from robust_jax.attacks import adversarial_patch, universal
from robust_jax.attacks.universal.adversarial_patch import (
  place,
  random_placement,
)
from robust_jax.attacks.universal.universal import apply_universal
from robust_jax.data.dataset import Dataset
from robust_jax.data.loader import evaluation_loader
from robust_jax.files import write_json
from robust_jax.plotting.image_grid import save_image_grid
from robust_jax.plotting.tables import print_table
from robust_jax.training.measure_dataset import measure_dataset
from robust_jax.types import Attack, Batch, Evaluator

_NUM_DRAWN = 6
_COLUMNS = {
  "ap50": "AP50",
  "detections": "detections",
  "vanished": "vanished",
  "mislabeled": "mislabeled",
  "fabricated": "fabricated",
}


def detection_report(
  path: pathlib.Path, config: ConfigDict, num_examples: int | None = None
) -> dict[str, Any]:
  """Measures the detector of the run in `path` on test images, also attacked.

  Detections are counted above the threshold of the best F1 on validation
  images. Attacks are those of `evaluation.attacks`. Two are learned on the
  first `num_examples` training images: one perturbation for all images, with
  the options of `attacks.universal` in `evaluation.universal`, and a patch at
  random places, with those of `adversarial_patch` and `random_placement` in
  `evaluation.patch`. Runs in `evaluation.beside`, title -> work directory, are
  measured alike.

  Writes `report.json`, and `patch.png` with the patch on test images, to `path`
  and prints a table.

  Args:
    path: work directory of a finished run.
    config: config of the run; its section `evaluation` may differ.
    num_examples: number of test images, from the first on; None for all.

  Returns:
    The report.

  Raises:
    ValueError: a run is missing or has no checkpoint.
  """
  started = time.monotonic()
  beside = config.evaluation.get("beside", {})
  folders = {title: pathlib.Path(f) for title, f in beside.items() if f}
  test = build.dataset(config, "test")
  result: dict[str, Any] = {"runs": {}}
  for title, folder in (folders | {"run": path}).items():
    run = load_run(folder, "best", named_modules(config))
    learned = _learned(
      run, config, path / "patch.png" if folder == path else None
    )
    attacks = sections.build(
      "attacks", config.evaluation.get("attacks", ConfigDict()).to_dict()
    )
    valid = build.dataset(config, "validation")
    threshold = _measured(run, valid, config, evaluators.detection())
    evaluator = evaluators.detection(
      {**attacks, **learned}, threshold=threshold["best_threshold"]
    )
    result["runs"][title] = {
      **_measured(run, test, config, evaluator, num_examples),
      "threshold": threshold["best_threshold"],
    }
  result |= {
    "num_examples": num_examples or len(test),
    "seconds": round(time.monotonic() - started, 1),
    **provenance(config),
  }
  if parallel.is_lead():
    write_json(path / "report.json", result)
    print_table(_table(result, test.name))
  return result


def _measured(
  run: Run,
  dataset: Dataset,
  config: ConfigDict,
  evaluator: Evaluator,
  num_examples: int | None = None,
) -> dict[str, float]:
  """The summary of an evaluator on a dataset."""
  loader = evaluation_loader(
    dataset, config.evaluation.batch_size, num_examples=num_examples
  )
  averages = measure_dataset(
    parallel.pmap_evaluate(evaluator.measure, loader.decode),
    parallel.replicate(run.deployed),
    loader,
    parallel.replicate(loader.device_data),
    jax.random.key(config.seed),
  )
  return evaluator.summarize(averages)


def _learned(
  run: Run, config: ConfigDict, picture: pathlib.Path | None
) -> dict[str, Attack]:
  """Attacks that put what they learned on training images on any images."""
  found, key = {}, jax.random.key(config.seed)
  for name in ("universal", "patch"):
    if name not in config.evaluation:
      continue
    options = sections.built_options(config.evaluation[name].to_dict())
    batch = _first(run.dataset("train"), options.pop("num_examples"))
    learn = _LEARNED[name]
    found[name] = learn(key, run, batch, options)
  if "patch" in found and picture is not None and parallel.is_lead():
    x = _first(run.dataset("test"), _NUM_DRAWN)["x"]
    patched = found["patch"](key, run.deployed, x, ())
    save_image_grid(picture, np.asarray(patched))
  return found


def _universal(key, run: Run, batch: Batch, options: dict[str, Any]) -> Attack:
  delta = call(universal, **options)(key, run.deployed, batch["x"], batch["y"])
  pset = options["pset"]
  return lambda key, model, x, targets: apply_universal(pset, delta, x)


def _patch(key, run: Run, batch: Batch, options: dict[str, Any]) -> Attack:
  places = {k: options.pop(k) for k in ("diameter", "degrees") if k in options}
  draw = call(random_placement, **places)
  find = call(adversarial_patch, draw, **options)
  patch = find(key, run.deployed, batch["x"], batch["y"])
  return lambda key, model, x, targets: place(patch, x, draw(key, x))


_LEARNED = {"universal": _universal, "patch": _patch}


def _first(dataset: Dataset, number: int) -> Batch:
  indices = np.arange(min(number, len(dataset)))
  return dataset.decode(dataset.read(indices))


def _table(result: Mapping[str, Any], name: str) -> rich.table.Table:
  table = rich.table.Table(
    title=f"{result['num_examples']} images, {name}; numbers are per image",
    box=rich.box.SIMPLE_HEAD,
  )
  for column in ("", "attack", *_COLUMNS.values()):
    table.add_column(column, justify="right" if column else "left")
  for title, measured in result["runs"].items():
    attacks = [k.removesuffix("_ap50") for k in measured if k.endswith("_ap50")]
    for attack in ("", *attacks):
      prefix = f"{attack}_" if attack else ""
      cells = (measured.get(f"{prefix}{column}") for column in _COLUMNS)
      shown = ("" if value is None else f"{value:.3f}" for value in cells)
      table.add_row(title if not attack else "", attack or "none", *shown)
  return table
