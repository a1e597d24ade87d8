"""Report of translated images: distances, what a reader sees, a picture."""

import pathlib
import time
from collections.abc import Mapping
from typing import Any

import jax
import rich.box
import rich.table
from ml_collections import ConfigDict

from experiments import build
from experiments.build.imports import named_modules
from experiments.cli.provenance import provenance
from experiments.load_run import Run, load_run
from experiments.pictures.translations import translated_rows
from experiments.trained_models import independent_classifier
from robust_jax import parallel
from robust_jax.data.dataset import Dataset
from robust_jax.data.loader import Loader, evaluation_loader
from robust_jax.evaluators.confusion import confusion
from robust_jax.evaluators.paired import paired
from robust_jax.files import write_json
from robust_jax.models.inference import (
  ImageTranslator,
  SplitModel,
  features_and_head,
)
from robust_jax.plotting.image_grid import save_image_grid
from robust_jax.plotting.tables import print_table
from robust_jax.training.measure_dataset import measure_dataset
from robust_jax.types import Batch, Key, Metrics

_NUM_DRAWN = 8
_ROWS = {
  "mae": "mean absolute error",
  "psnr": "PSNR in dB",
  "ssim": "SSIM",
  "feature_distance": "distance of features",
  "accuracy": "accuracy of the reader",
  "class_accuracy": "mean accuracy of classes",
  "mean_iou": "mean IoU",
}


def pix2pix_report(
  path: pathlib.Path, config: ConfigDict, num_examples: int | None = None
) -> dict[str, Any]:
  """Measures the translated test images of the run in `path`.

  - Distances from the targets, see `evaluators.paired`. Features are those of
    the reader.
  - A reader, trained on real targets, says what the translated images show: the
    class of an image or of each pixel, see `evaluators.confusion`. What it
    makes of the targets themselves is the bound. It is the run in
    `evaluation.independent_classifier`, or else the one trained in
    `path/independent_classifier`; a config without either has no reader.

  Runs in `evaluation.beside`, title -> work directory, are measured alike.
  Writes `report.json` and `translations.png`, rows of the input, the
  translations in the order of the table, and the target, to `path`, and prints
  a table. All runs are opened at their last checkpoints: the best by a distance
  would favor blurred images.

  Args:
    path: work directory of a finished run.
    config: config of the run; its sections `data` and `evaluation` may differ.
    num_examples: number of test images, from the first on; None for all.

  Returns:
    The report.

  Raises:
    ValueError: a run is missing, has no checkpoint, is one of another task, or
      of images of another size.
  """
  started = time.monotonic()
  allowed = named_modules(config)
  beside = config.evaluation.get("beside", {})
  folders = {t: pathlib.Path(f) for t, f in beside.items() if f}
  runs = {
    title: _translator(load_run(folder, "last", allowed))
    for title, folder in (folders | {"run": path}).items()
  }
  dataset = build.dataset(config, "test")
  reader = _reader(path, config, dataset)
  loader = evaluation_loader(
    dataset, config.evaluation.batch_size, num_examples=num_examples
  )
  measured = {
    title: _measured(translator, reader, loader, config.seed)
    for title, translator in runs.items()
  }
  result = {
    "runs": {title: found["translated"] for title, found in measured.items()},
    "targets": measured["run"]["target"],
    "num_examples": num_examples or len(dataset),
    "seconds": round(time.monotonic() - started, 1),
    **provenance(config),
  }
  if parallel.is_lead():
    write_json(path / "report.json", result)
    images, columns = translated_rows(
      list(runs.values()), dataset, _NUM_DRAWN, config.seed
    )
    save_image_grid(path / "translations.png", images, columns=columns)
    print_table(_table(result, dataset.name))
    print(
      f"In {path}: report.json, and translations.png with the input, "
      f"{', '.join(runs)} and the target in each row."
    )
  return result


def _translator(run: Run) -> ImageTranslator:
  deployed = run.deployed
  if not isinstance(deployed, ImageTranslator):
    raise ValueError(
      f"{run.path} is a run of the task '{run.config.task.name}', which "
      "translates no images: expected a run such as that of "
      "experiments/configs/pix2pix/edges2fashion.py."
    )
  return deployed


def _reader(
  path: pathlib.Path, config: ConfigDict, dataset: Dataset
) -> SplitModel | None:
  """The model that reads targets, with its features; None without one."""
  run = independent_classifier(path, config)
  if run is None:
    return None
  _, facts = build.describe(run.config)
  read, there = dataset.fact("target_shape"), facts["image_shape"]
  if tuple(read) != tuple(there):
    raise ValueError(
      f"{run.path} reads images of shape {tuple(there)}, but targets have the "
      f"shape {tuple(read)}: expected a model of the same data."
    )
  return features_and_head(build.model(run.config, facts), run.variables)


def _measured(
  translator: ImageTranslator,
  reader: SplitModel | None,
  loader: Loader,
  seed: int,
) -> dict[str, dict[str, float]]:
  """Scores of the translated images, and of the targets, by name."""
  compiled = parallel.pmap_evaluate(_measure, loader.decode)
  averages = measure_dataset(
    compiled,
    parallel.replicate((translator, reader)),
    loader,
    parallel.replicate(loader.device_data),
    jax.random.key(seed),
  )
  found: dict[str, dict[str, Any]] = {"translated": {}, "target": {}}
  for name, value in averages.items():
    of, _, metric = name.partition(" ")
    found[of][metric] = value
  for scores in found.values():
    if "confusion" in scores:
      matrix = {"confusion": scores.pop("confusion")}
      scores |= confusion().summarize(matrix)
  return found


def _measure(
  models: tuple[ImageTranslator, SplitModel | None], batch: Batch, key: Key
) -> Metrics:
  """Metrics by "translated" or "target", and name."""
  translator, reader = models
  images = {
    "translated": translator.sample(key, batch["x"]),
    "target": batch["y"],
  }
  features = None if reader is None else reader.features
  near = paired(features).measure(translator, batch, key)
  found = {f"translated {name}": value for name, value in near.items()}
  if reader is None:
    return found
  for of, x in images.items():
    rows = {"x": x, "y": batch["labels"], "mask": batch["mask"]}
    seen = confusion().measure(reader, rows, key)
    found |= {f"{of} {name}": value for name, value in seen.items()}
  return found


def _table(result: Mapping[str, Any], name: str) -> rich.table.Table:
  table = rich.table.Table(
    title=f"{result['num_examples']} test images, {name}",
    box=rich.box.SIMPLE_HEAD,
  )
  columns = result["runs"] | {"targets": result["targets"]}
  table.add_column("")
  for title in columns:
    table.add_column(title, justify="right")
  for key, text in _ROWS.items():
    if key in result["runs"]["run"]:
      shown = (f"{c[key]:.4f}" if key in c else "" for c in columns.values())
      table.add_row(text, *shown)
  return table
