"""Evaluation of models under attacks: table, report and pictures."""

import pathlib
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments import build
from experiments.build import sections
from experiments.build.check_config import check_config
from experiments.cli import output
from experiments.cli.provenance import provenance
from robust_jax import fingerprint, parallel, precision
from robust_jax.attacks.cost import count_model_calls
from robust_jax.data.dataset import Dataset
from robust_jax.data.loader import Loader, evaluation_loader
from robust_jax.evaluators.robustness import robustness
from robust_jax.files import write_json
from robust_jax.plotting import evaluation as pictures
from robust_jax.plotting.tables import accuracy_table, print_table
from robust_jax.training.measure_dataset import measure_dataset
from robust_jax.training.progress import Progress
from robust_jax.types import Key, Model

_NUM_SHOWN = 8


@precision.evaluation()
def evaluate(
  models: Mapping[str, Model],
  config: ConfigDict,
  workdir: pathlib.Path,
  num_examples: int | None = None,
  records: Mapping[str, list[dict[str, Any]]] = MappingProxyType({}),
) -> dict[str, Any]:
  """Measures clean accuracy, accuracy under attacks and over the radius.

  Every model is evaluated on the same images with the same keys. Writes
  `report.json` and pictures to `workdir`, and prints a table.

  Args:
    models: frozen classifiers by name.
    config: config of the data, the seed and, in its section `evaluation`, the
      attacks.
    workdir: folder of the report, created if missing.
    num_examples: number of test images, from the first on; None for all.
    records: training records by name, which are drawn. Models may be missing.

  Returns:
    The report.
  """
  started = time.monotonic()
  check_config(config)
  output.writable(workdir, "--workdir")
  dataset = build.dataset(config, "test")
  loader = evaluation_loader(
    dataset, config.evaluation.batch_size, num_examples=num_examples
  )
  key = jax.random.key(config.seed)
  attacks = sections.build("attacks", config.evaluation.attacks)
  accuracies = _accuracies(models, attacks, loader, key)
  curves = measure_curves(models, config.evaluation, loader, key)
  some = jax.jit(loader.decode)(loader.device_data, next(loader.indices(0)))
  cost = {
    name: count_model_calls(
      attack, next(iter(models.values())), some["x"], some["y"]
    )._asdict()
    for name, attack in attacks.items()
  }
  result = {
    "accuracy": accuracies,
    "radii": list(config.evaluation.radii),
    "curve": curves,
    "passes_per_example": cost,
    "computed_in": {
      name: precision.computed_in(model, some["x"])
      for name, model in models.items()
    },
    "num_examples": num_examples or len(dataset),
    "model_digests": {
      name: fingerprint.of_model(model, some["x"])
      for name, model in models.items()
    },
    "seconds": round(time.monotonic() - started, 1),
    **provenance(config),
  }
  if parallel.is_lead():
    write_json(workdir / "report.json", result)
    _draw(models, config, workdir, result, some, key)
    if records:
      pictures.draw_training(workdir / "training.png", records)
    print_table(
      accuracy_table(
        accuracies,
        f"{dataset.name}, {result['num_examples']} images, "
        f"matmul precision {result['matmul_precision']}",
      )
    )
  return result


def one_accuracy(
  dataset: Dataset, batch_size: int, num_examples: int | None = None
) -> Callable[[Model], float]:
  """Makes a function that measures a frozen model's accuracy on a dataset.

  Models with the same function and shapes share a compiled program.
  """
  loader = evaluation_loader(dataset, batch_size, num_examples=num_examples)
  compiled = parallel.pmap_evaluate(robustness().measure, loader.decode)
  device_data = parallel.replicate(loader.device_data)

  def accuracy(model: Model) -> float:
    replicated, key = parallel.replicate(model), jax.random.key(0)
    values = measure_dataset(compiled, replicated, loader, device_data, key)
    return float(values["accuracy"])

  return accuracy


def _accuracies(models, attacks, loader, key):
  measure = robustness(attacks).measure
  compiled = parallel.pmap_evaluate(measure, loader.decode)
  steps = len(models) * loader.num_steps
  result = {}
  with Progress("attacking", steps) as bar:
    for i, (name, model) in enumerate(models.items()):
      done = i * loader.num_steps
      values = _measure(compiled, model, loader, key, bar, done)
      result[name] = {_title(k): v for k, v in values.items() if k != "loss"}
  return result


def measure_curves(
  models: Mapping[str, Model],
  evaluation: ConfigDict,
  loader: Loader,
  key: Key,
) -> dict[str, list[float]]:
  """Measures the accuracy of each model at each of `evaluation.radii`.

  Args:
    models: frozen classifiers by name.
    evaluation: the section `evaluation` of a config, with the attack `curve`.
    loader: loader of the test images.
    key: key of the attacks.

  Returns:
    Name -> accuracy at each radius. The radius is an argument of one compiled
    program.
  """

  def measure(model_and_eps, batch, key):
    model, eps = model_and_eps
    attack = sections.attack(evaluation.curve, eps=eps)
    return robustness({"curve": attack}).measure(model, batch, key)

  compiled = parallel.pmap_evaluate(measure, loader.decode)
  radii = evaluation.radii
  result: dict[str, list[float]] = {name: [] for name in models}
  with Progress("curve", len(models) * len(radii) * loader.num_steps) as bar:
    done = 0
    for name, model in models.items():
      for eps in radii:
        at_eps = (model, np.float32(eps))
        values = _measure(compiled, at_eps, loader, key, bar, done)
        result[name].append(float(values["curve_accuracy"]))
        done += loader.num_steps
  return result


def _measure(compiled, model, loader: Loader, key, bar: Progress, done: int):
  return measure_dataset(
    compiled,
    parallel.replicate(model),
    loader,
    parallel.replicate(loader.device_data),
    key,
    lambda batches: bar.update(done + batches),
  )


def _title(metric: str) -> str:
  if metric == "accuracy":
    return "clean"
  return metric.removesuffix("_accuracy").replace("_", " ")


def _draw(models, config, workdir, result, batch, key):
  attack = sections.attack(config.evaluation.curve)
  attacked = {}
  for name, model in models.items():
    x_adv = attack(key, model, batch["x"], batch["y"])
    predictions = jax.jit(model)(x_adv).argmax(axis=-1)
    attacked[name] = (
      np.asarray(x_adv[:_NUM_SHOWN]),
      np.asarray(predictions[:_NUM_SHOWN]),
    )
  pictures.draw_examples(
    workdir / "examples.png",
    np.asarray(batch["x"][:_NUM_SHOWN]),
    np.asarray(batch["y"][:_NUM_SHOWN]),
    attacked,
  )
  search = config.evaluation.curve.search
  pictures.draw_curve(
    workdir / "robust_accuracy.png",
    result["radii"],
    result["curve"],
    config.evaluation.curve.set.eps,
    f"accuracy under {search.name.upper()}-{search.num_steps}",
  )
