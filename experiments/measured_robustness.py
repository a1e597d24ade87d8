"""Measurements of a classifier's robustness that studies put into tables."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments.build import sections
from experiments.configs import common
from experiments.examples import Examples
from robust_jax import corruptions
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.attacks.autoattack import suite
from robust_jax.attacks.autoattack.autoattack import stages
from robust_jax.attacks.autoattack.stage import Check, Stage
from robust_jax.attacks.lp_ball import in_ball
from robust_jax.corruptions.base import SEVERITIES
from robust_jax.corruptions.random import image_keys
from robust_jax.corruptions.suites import IMAGENET_C, MNIST_C
from robust_jax.training.progress import StageProgress
from robust_jax.types import Array, Model

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

  def accuracy(attacks, check=suite.accept_any) -> Measure:
    return lambda model, examples, path: (
      100
      * float(
        np.mean(
          correct_after(
            attacks,
            model,
            examples,
            check=check,
            batch_size=batch_size,
            save_to=path,
          )
        )
      )
    )

  return {
    "pgd": accuracy([suite.single_round_stage("pgd", pgd)]),
    "autoattack": accuracy(whole_suite, in_ball(threat.norm, threat.eps)),
    "rotation": accuracy([suite.single_round_stage("rotation", rotation)]),
    "corruption": lambda model, examples, path: corruption_risk(
      model, examples
    ),
  }


def correct_after(
  attacks: Sequence[Stage],
  model: Model,
  examples: Examples,
  *,
  check: Check = suite.accept_any,
  batch_size: int = 128,
  save_to: pathlib.Path | None = None,
  title: str = "",
) -> np.ndarray:
  """Runs attacks in sequence, with progress bars.

  Args:
    attacks: stages in order.
    model: a classifier.
    examples: images and labels.
    check: see `suite.run`, as `batch_size` and `save_to`.
    batch_size: batch size of the compiled programs.
    save_to: `.npz` file from which an interrupted call continues.
    title: stands before the name of each stage.

  Returns:
    bool `[N]`, the images that are classified correctly after all of them.
  """
  with StageProgress(title) as bars:
    outcome = suite.run(
      attacks,
      jax.random.key(0),
      model,
      *examples,
      check=check,
      batch_size=batch_size,
      save_to=save_to,
      progress=bars.update,
    )
  return outcome.misclassified_by == -1


def clean_accuracy(model: Model, examples: Examples) -> float:
  """Measures the accuracy on clean examples, in percent."""
  return 100 * float(np.mean(_is_correct(model, *examples)))


def corruption_risk(model: Model, examples: Examples, seed: int = 0) -> float:
  """Measures the mean risk under common corruptions, see `measures`.

  Args:
    model: a classifier.
    examples: images, gray or RGB.
    seed: seed of the corruptions.
  """
  x, labels = examples
  correct = _is_correct(model, x, labels)
  risks = []
  for name, (severities, options) in _conditions(x.shape[-1]).items():
    corrupt = _corruption(name, seed, options)
    for severity in severities:
      corrupted = corrupt(np.arange(len(x)), np.full(len(x), severity), x)
      survived = _is_correct(model, corrupted, labels)
      risks.append(100 * np.mean(~survived[correct]))
  return float(np.mean(risks))


def _corruption(
  name: str, seed: int, options: Mapping[str, Any]
) -> Callable[..., np.ndarray]:
  """(ids `[N]`, one severity `[N]`, x) -> x', one program for them all."""
  corruption = getattr(corruptions, name)

  def corrupt(ids: Array, severities: Array, x: Array) -> Array:
    severity = severities[0]
    keys = image_keys(seed, ids, name, severity)
    return corruption(keys, x, severity, **options)

  return as_numpy_fn(corrupt)


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


def _is_correct(model: Model, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
  return as_numpy_fn(model)(x).argmax(axis=-1) == labels
