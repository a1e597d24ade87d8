"""Measurement of a Fader autoencoder and of its control."""

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
from experiments.reports._attribute_swaps import HostAutoencoder
from experiments.trained_models import independent_classifier
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.probes.attribute_swap import IndependentClassifier

Measure = Callable[
  [HostAutoencoder, Examples, Examples, IndependentClassifier], dict[str, Any]
]
"""(autoencoder, training examples, test examples, independent classifier) ->
the report of one autoencoder."""


class Comparison(NamedTuple):
  """A run compared to its control.

  Attributes:
    report: the reports of both, "run" and "control", and what they share.
    autoencoder: the autoencoder of the run.
    test: the test examples.
  """

  report: dict[str, Any]
  autoencoder: HostAutoencoder
  test: Examples


def compare_to_control(
  path: pathlib.Path,
  config: ConfigDict,
  num_examples: int | None,
  measure: Measure,
) -> Comparison:
  """Measures the run in `path` and its control in `path/control` alike.

  Images are classified by an independent classifier: that of the run in
  `evaluation.independent_classifier`, or else the one trained in
  `path/independent_classifier`.

  Args:
    path: work directory of the run.
    config: config of the run; its section `evaluation` may differ.
    num_examples: number of test images; None for all.
    measure: the measurement of one autoencoder. It reports at least its error,
      "reconstruction", of which the comparison has the ratio.

  Raises:
    ValueError: a run is missing or has no checkpoint.
  """
  started = time.monotonic()
  allowed = named_modules(config)
  classify = _independent_classifier(path, config)
  dataset = build.dataset(config, "test")
  test = spread_examples([dataset], num_examples or len(dataset))
  train = spread_examples(
    [build.dataset(config, "train")], config.evaluation.probe_examples
  )
  runs = {
    "run": load_run(path, "last", allowed),
    "control": load_run(path / "control", "last", allowed),
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
  return Comparison(report | provenance(config), autoencoders["run"], test)


def _independent_classifier(path, config) -> IndependentClassifier:
  run = independent_classifier(path, config)
  if run is None:
    raise ValueError(
      f"the config of {path} has no section `independent_classifier`: expected "
      "one, or a run in evaluation.independent_classifier."
    )
  logits = as_numpy_fn(run.classifier())
  return lambda x: logits(x).argmax(axis=-1)


def _on_host(run: Run) -> HostAutoencoder:
  deployed = run.deployed
  return HostAutoencoder(
    as_numpy_fn(deployed.encode), as_numpy_fn(deployed.decode)
  )


def _co_trained_accuracy(run: Run) -> float:
  """The accuracy of the run's own classifier at the last evaluation."""
  found = [r for r in run.records if "co_trained_accuracy" in r]
  return found[-1]["co_trained_accuracy"]
