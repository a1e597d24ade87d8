"""A Fader autoencoder and its control, measured alike."""

import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from experiments import build
from experiments.build.imports import named_modules
from experiments.cli.provenance import provenance
from experiments.examples import Examples, spread_examples
from experiments.load_run import Run, load_run
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.models.inference import Autoencoder

# (autoencoder on the host, training examples, test examples, classify) -> what
# is said of it.
Measure = Callable[..., dict[str, Any]]


class Measured(NamedTuple):
  """Attributes: the report of both, the run's autoencoder, test examples."""

  report: dict[str, Any]
  run: Autoencoder
  test: Examples


def compare_to_control(
  path: pathlib.Path,
  config: ConfigDict,
  num_examples: int | None,
  measure: Measure,
) -> Measured:
  """Measures the run in `path` and its control, in `path/control`, alike.

  An independent classifier says what images show: that of the run that
  `evaluation.independent_classifier` names, or the one that was trained in
  `path/independent_classifier`. What `measure` says of an autoencoder holds its
  `reconstruction`, an error, of which the report has the ratio.

  Raises:
    ValueError: a run is missing or has no checkpoint.
  """
  started = time.monotonic()
  named = named_modules(config)
  classify = _independent_classifier(path, config, named)
  dataset = build.dataset(config, "test")
  test = spread_examples([dataset], num_examples or len(dataset))
  train = spread_examples(
    [build.dataset(config, "train")], config.evaluation.probe_examples
  )
  runs = {
    "run": load_run(path, "last", named),
    "control": load_run(path / "control", "last", named),
  }
  autoencoders = {name: _on_host(run) for name, run in runs.items()}
  measured = {
    name: {"co_trained_accuracy": _co_trained_accuracy(runs[name])}
    | measure(autoencoder, train, test, classify)
    for name, autoencoder in autoencoders.items()
  }
  run, control = measured["run"], measured["control"]
  accuracy = float(np.mean(classify(test.x) == test.y))
  report = measured | {
    "reconstruction_ratio": run["reconstruction"] / control["reconstruction"],
    "independent_classifier_accuracy": accuracy,
    "num_examples": len(test.y),
    "seconds": round(time.monotonic() - started, 1),
  }
  return Measured(report | provenance(config), autoencoders["run"], test)


def _independent_classifier(path, config, named):
  """Images `[N, H, W, C]` -> the classes `[N]` that it sees in them."""
  where = config.evaluation.independent_classifier
  where = pathlib.Path(where) if where else path / "independent_classifier"
  logits = as_numpy_fn(load_run(where, "best", named).classifier())
  return lambda x: logits(x).argmax(axis=-1)


def _on_host(run: Run) -> Autoencoder:
  deployed = run.deployed
  return Autoencoder(as_numpy_fn(deployed.encode), as_numpy_fn(deployed.decode))


def _co_trained_accuracy(run: Run) -> float:
  """Of the run's own classifier at the last evaluation."""
  found = [r for r in run.records if "co_trained_accuracy" in r]
  return found[-1]["co_trained_accuracy"]
