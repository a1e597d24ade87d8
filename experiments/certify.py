"""Certified accuracy of a model against the radius."""

import pathlib
from typing import Any

import jax
import numpy as np
import rich.box
import rich.table
from ml_collections import ConfigDict

from experiments import build
from experiments.build import sections
from experiments.build.check_config import check_config
from experiments.by_batches import by_batches
from experiments.cli import output
from experiments.cli.provenance import provenance
from experiments.examples import Examples, loaded_examples
from robust_jax import fingerprint, parallel, precision
from robust_jax.data.loader import evaluation_loader
from robust_jax.files import write_json
from robust_jax.models.as_pytree import as_pytree
from robust_jax.plotting.accuracy_curve import draw_accuracy_curves
from robust_jax.plotting.tables import print_table
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
  Each batch is spread over the devices of this process, and saved when it is
  done: an interrupted call continues from `certificate_state.npz`, with the
  same result.

  Args:
    model: a frozen classifier.
    config: names data, seed and, in `evaluation.certificate`, a member of
      `robust_jax.certificates`; `evaluation.radii` are those of the table.
    path: directory, created if need be.
    num_examples: of the test set's first images; all by default.

  Raises:
    ValueError: the config has no certificate.
  """
  check_config(config)
  certificate = _certificate(config)
  with output.locked(path, "--workdir"):
    return _certify(certificate, model, config, path, num_examples)


def _certify(certificate, model, config, path, num_examples):
  dataset = build.dataset(config, "test")
  loader = evaluation_loader(
    dataset, config.evaluation.batch_size, num_examples=num_examples
  )
  radii, seconds = _radii(
    certificate,
    model,
    config,
    loaded_examples(loader),
    path / "certificate_state.npz",
  )
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
    "seconds": round(seconds, 1),
    **provenance(config),
  }
  write_json(path / "certified.json", result)
  draw_accuracy_curves(
    path / "certified_accuracy.png",
    {config.evaluation.certificate.name: np.maximum(radii, 0)},
    certificate.norm,
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
  certificate: Certificate,
  model: Model,
  config: ConfigDict,
  examples: Examples,
  save_to: pathlib.Path,
) -> tuple[np.ndarray, float]:
  """Of every image, -1 where nothing is certified; and the seconds it took."""
  x, labels = examples
  model, key = parallel.replicate(as_pytree(model)), jax.random.key(config.seed)

  def compute(i: int, rows: np.ndarray) -> dict[str, np.ndarray]:
    batch = parallel.spread((x[rows], labels[rows]))
    key_batch = jax.random.fold_in(key, i)
    return {"radii": certificate.radii(key_batch, model, *batch)}

  question = {
    "images": fingerprint.of_arrays(examples),
    "model": fingerprint.of_function(model, x[:1]),
    "certificate": str(config.evaluation.certificate.to_dict()),
    "seed": str(config.seed),
    "precision": precision.matmul_precision(),
  }
  size = min(config.evaluation.batch_size, len(x))
  found, seconds = by_batches(
    "certifying", compute, len(x), size, save_to, question
  )
  return found["radii"], seconds


def _table(radii, accuracies, title: str) -> rich.table.Table:
  table = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD)
  table.add_column("radius", justify="right")
  table.add_column("certified accuracy", justify="right")
  for radius, accuracy in zip(radii, accuracies, strict=True):
    table.add_row(f"{radius:g}", f"{accuracy:.2%}")
  return table
