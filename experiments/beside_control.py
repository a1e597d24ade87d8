"""A Fader autoencoder and its control, measured alike."""

import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from experiments import build
from experiments.adapted_run import Examples, examples
from experiments.imports import named_modules
from experiments.provenance import provenance
from experiments.trained_autoencoder import (
  Autoencoder,
  independent_judge,
  trained_autoencoder,
)

# (autoencoder, training examples, test examples, judge) -> what is said of it.
Measure = Callable[..., dict[str, Any]]


class Measured(NamedTuple):
  """Attributes: the report of both, the run, and the test examples."""

  report: dict[str, Any]
  run: Autoencoder
  test: Examples


def beside_control(
  path: pathlib.Path,
  config: ConfigDict,
  num_examples: int | None,
  measure: Measure,
) -> Measured:
  """Measures the run in `path` and the control in `path/control`.

  The judge is an independent classifier, trained now if the config names no run
  of one. What `measure` says of an autoencoder holds its `reconstruction`, an
  error, of which the report has the ratio.

  Raises:
    ValueError: a run is missing or has no checkpoint.
  """
  started = time.monotonic()
  judge = independent_judge(path, config)
  test = build.dataset(config, "test")
  test = examples([test], num_examples or len(test))
  train = examples(
    [build.dataset(config, "train")], config.evaluation.probe_examples
  )
  named = named_modules(config)
  subjects = {
    "run": trained_autoencoder(path, named),
    "control": trained_autoencoder(path / "control", named),
  }
  measured = {
    name: measure(subject, train, test, judge)
    for name, subject in subjects.items()
  }
  run, control = measured["run"], measured["control"]
  report = measured | {
    "reconstruction_ratio": run["reconstruction"] / control["reconstruction"],
    "judge_accuracy": float(np.mean(judge(test.x) == test.y)),
    "num_examples": len(test.y),
    "seconds": round(time.monotonic() - started, 1),
  }
  return Measured(report | provenance(config), subjects["run"], test)
