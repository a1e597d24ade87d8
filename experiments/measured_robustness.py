"""Measurements of a classifier's robustness that studies put into tables."""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from experiments.build import sections
from experiments.configs import common
from experiments.examples import Examples
from robust_jax import bounded_jit, corruptions
from robust_jax.attacks.autoattack import suite
from robust_jax.attacks.autoattack.autoattack import stages
from robust_jax.attacks.lp_ball import in_ball
from robust_jax.corruptions.base import SEVERITIES
from robust_jax.corruptions.random import image_keys
from robust_jax.corruptions.suites import IMAGENET_C, MNIST_C
from robust_jax.training.progress import StageProgress
from robust_jax.types import Model

Measure = Callable[[Model, Examples, pathlib.Path], float]
"""(model, examples, path of a state to resume from) -> percent."""


def measures(config: ConfigDict, num_classes: int) -> dict[str, Measure]:
  """Makes the measurements of a config of `common.classifier`, by name.

  - "pgd": accuracy under `evaluation.attacks.pgd`, PGD of 50 steps from 10
    starts;
  - "autoattack": accuracy under the attack of `evaluation.autoattack`;
  - "rotation": accuracy under the worst of ten random rotations by up to 30
    degrees and translations by up to 3 pixels;
  - "corruption": mean over common corruptions of the risk, the percentage of
    the correctly classified images that are misclassified once corrupted: the
    fifteen of MNIST-C for gray images, the fifteen of ImageNet-C at five
    severities otherwise.
  """
  threat = config.evaluation.autoattack
  batch_size = config.evaluation.batch_size
  whole_suite = stages(threat.norm, threat.eps, threat.version, num_classes)
  pgd = sections.attack(config.evaluation.attacks.pgd)
  rotation = sections.attack(common.worst_of_k(10))
  return {
    "pgd": _accuracy([suite.single_round_stage("pgd", pgd)], batch_size),
    "autoattack": _accuracy(
      whole_suite, batch_size, in_ball(threat.norm, threat.eps)
    ),
    "rotation": _accuracy(
      [suite.single_round_stage("rotation", rotation)], batch_size
    ),
    "corruption": lambda model, examples, path: corruption_risk(
      model, examples, batch_size
    ),
  }


def clean_accuracy(model: Model, examples: Examples, batch_size: int) -> float:
  """Measures the accuracy on clean examples, in percent."""
  predictions = _predictions(model, examples.x, batch_size)
  return 100 * float(np.mean(predictions == examples.y))


def corruption_risk(
  model: Model, examples: Examples, batch_size: int, seed: int = 0
) -> float:
  """Measures the mean risk under common corruptions, see `measures`.

  Args:
    model: a classifier.
    examples: images, gray or RGB.
    batch_size: number of images at a time.
    seed: seed of the corruptions.
  """
  correct = _predictions(model, examples.x, batch_size) == examples.y
  rows = jnp.arange(len(examples.y))
  risks = []
  for name, (severities, options) in _conditions(examples.x.shape[-1]).items():
    corrupt = functools.partial(getattr(corruptions, name), **options)
    for severity in severities:
      keys = image_keys(seed, rows, name, severity)
      corrupted = _in_batches(
        lambda keys, x, corrupt=corrupt, severity=severity: bounded_jit.call(
          corrupt, keys, x, severity
        ),
        batch_size,
        keys,
        examples.x,
      )
      survived = _predictions(model, corrupted, batch_size) == examples.y
      risks.append(100 * np.mean(~survived[correct]))
  return float(np.mean(risks))


def _conditions(
  channels: int,
) -> dict[str, tuple[Sequence[int], Mapping[str, Any]]]:
  """Corruption -> its severities and options."""
  if channels > 1:
    return {name: (SEVERITIES, {}) for name in IMAGENET_C}
  return {
    name: ((setting.severity,), setting.options)
    for name, setting in MNIST_C.items()
    if name != "identity"
  }


def _accuracy(
  attacks: Sequence[suite.Stage],
  batch_size: int,
  check: suite.Check = suite.accept_any,
) -> Measure:
  def measure(model: Model, examples: Examples, path: pathlib.Path) -> float:
    with StageProgress() as bars:
      outcome = suite.run(
        attacks,
        jax.random.key(0),
        model,
        *examples,
        check=check,
        batch_size=batch_size,
        save_to=path,
        progress=bars.update,
      )
    return 100 * outcome.stages[-1]["accuracy"]

  return measure


def _predictions(model: Model, x: np.ndarray, batch_size: int) -> np.ndarray:
  return _in_batches(
    lambda x: bounded_jit.call(_predict, model, x), batch_size, x
  )


def _predict(model: Model, x: jax.Array) -> jax.Array:
  return model(x).argmax(axis=-1)


def _in_batches(fn, batch_size: int, *arrays) -> np.ndarray:
  """Applies fn to batches of one size; the last one is filled up."""
  found = []
  for start in range(0, len(arrays[0]), batch_size):
    rows = np.arange(start, start + batch_size) % len(arrays[0])
    found.append(np.asarray(fn(*(array[rows] for array in arrays))))
  return np.concatenate(found)[: len(arrays[0])]
