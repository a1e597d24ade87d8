"""Certified accuracy of a model against the radius."""

import pathlib
import time
from typing import Any

import jax
import numpy as np
import rich.box
import rich.table
from ml_collections import ConfigDict

from experiments import build
from experiments.build import sections
from experiments.build.check_config import check_config
from experiments.cli import output
from experiments.cli.provenance import provenance
from robust_jax import precision
from robust_jax.data.loader import Loader, evaluation_loader
from robust_jax.files import write_json
from robust_jax.plotting.evaluation import draw_curve
from robust_jax.plotting.tables import print_table
from robust_jax.training.progress import Progress
from robust_jax.types import Certificate, Model


@precision.evaluation()
def certify(
  model: Model,
  config: ConfigDict,
  path: pathlib.Path,
  num_examples: int | None = None,
) -> dict[str, Any]:
  """The fraction of images that are certified, against the radius.

  Writes `certified.json`, with the radius of each image, and
  `certified_accuracy.png` to `path`, prints the table, and returns the report.

  Args:
    model: a frozen classifier.
    config: names data, seed and, in `evaluation.certificate`, a member of
      `robust_jax.certificates`; `evaluation.radii` are those of the table.
    path: directory, created if need be.
    num_examples: of the test set's first images; all by default.

  Raises:
    ValueError: the config has no certificate.
  """
  started = time.monotonic()
  check_config(config)
  certificate = _certificate(config)
  output.writable(path, "--workdir")
  dataset = build.dataset(config, "test")
  loader = evaluation_loader(
    dataset, config.evaluation.batch_size, num_examples=num_examples
  )
  radii = _radii(certificate, model, loader, config.seed)
  grid = list(config.evaluation.radii)
  accuracies = [float(np.mean(radii >= radius)) for radius in grid]
  result = {
    "norm": certificate.norm,
    "radii": grid,
    "certified_accuracy": accuracies,
    "average_certified_radius": float(np.maximum(radii, 0).mean()),
    "not_certified": float(np.mean(radii < 0)),
    "radius_of_each": radii.tolist(),
    "num_examples": len(radii),
    "seconds": round(time.monotonic() - started, 1),
    **provenance(config),
  }
  write_json(path / "certified.json", result)
  draw_curve(
    path / "certified_accuracy.png",
    grid,
    {config.evaluation.certificate.name: accuracies},
    None,
    "certified accuracy",
  )
  title = f"{dataset.name}, {len(radii)} images, {certificate.norm} radius"
  print_table(_table(grid, accuracies, title))
  return result


def _certificate(config: ConfigDict) -> Certificate:
  section = config.evaluation.get("certificate")
  if section is None:
    raise ValueError(
      "--certify: the config has no section evaluation.certificate; name a "
      "config that has one by --config, as those in "
      "experiments/configs/certified."
    )
  return sections.build("certificate", section)


def _radii(
  certificate: Certificate, model: Model, loader: Loader, seed: int
) -> np.ndarray:
  """Of every image, -1 where nothing is certified."""
  decode, key = jax.jit(loader.decode), jax.random.key(seed)
  found = []
  with Progress("certifying", loader.num_steps) as bar:
    for i, indices in enumerate(loader.indices(0)):
      batch = decode(loader.device_data, indices)
      key_batch = jax.random.fold_in(key, i)
      radii = certificate.radii(key_batch, model, batch["x"], batch["y"])
      found.append(radii[np.asarray(batch["mask"]) > 0])
      bar.update(i + 1)
  return np.concatenate(found)


def _table(radii, accuracies, title: str) -> rich.table.Table:
  table = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD)
  table.add_column("radius", justify="right")
  table.add_column("certified accuracy", justify="right")
  for radius, accuracy in zip(radii, accuracies, strict=True):
    table.add_row(f"{radius:g}", f"{accuracy:.2%}")
  return table
