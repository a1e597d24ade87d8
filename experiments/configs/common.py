"""Common parts of configs: the default classifier, sections, the smoke test."""

from collections.abc import Collection
from typing import Any

from ml_collections import ConfigDict

from robust_jax.types import Norm

_THIRTY_DEGREES = {"name": "affine", "rotation": 30.0, "translation": 3.0}
# A tenth of the training set is held out to choose checkpoints.
PARTS = {"train": "train[:90%]", "validation": "train[90%:]", "test": "test"}
# Upper bounds of options in the smoke test.
_SHORT = {
  "n": 20,
  "num_steps": 2,
  "restarts": 2,
  "num_samples": 2,
  "k": 2,
  "num_points": 3,
}


def classifier(
  data: str, model: str, eps: float, norm: Norm = "linf"
) -> ConfigDict:
  """Makes the config of a classifier and of its evaluation in a norm ball.

  Args:
    data: name of a dataset.
    model: name of a model.
    eps: radius in validation and evaluation, in input units.
    norm: "linf", "l2" or "l1".
  """
  return ConfigDict(
    {
      "seed": 0,
      "precision": "float32",
      "data": {"kind": "dataset", "name": data} | PARTS,
      "model": {"name": model},
      "task": {"name": "supervised"},
      "loss": {"name": "erm"},
      # Validation measures accuracy, clean and under these attacks, to select
      # the best checkpoint and to detect catastrophic overfitting.
      "evaluator": {
        "name": "robustness",
        "validation_attacks": {
          "robust": pgd(norm, eps, num_steps=10, step_size=0.25)
        },
      },
      "optimizer": {
        "name": "adam",
        "learning_rate": 1e-3,
        "schedule": "constant",
      },
      "training": {
        "num_epochs": 10.0,
        "batch_size": 128,
        "log_every": 20,
        "evaluate_every_epochs": 1.0,
        "keep_last": 2,
        "monitor": "accuracy",
        "monitor_mode": "max",
        "max_drop": 0.2,
      },
      "evaluation": {
        "batch_size": 256,
        "attacks": {
          "fgsm": {
            "name": "compose",
            "search": {"name": "fgsm"},
            "set": {"name": norm, "eps": eps},
            "objective": "cross_entropy",
          },
          "pgd": pgd(norm, eps, num_steps=50, step_size=0.1, restarts=10),
        },
        # The attack of `evaluate --attack=autoattack`.
        "autoattack": {"norm": norm, "eps": eps, "version": "standard"},
        # Robust accuracy against the radius: the attack, and the radii.
        "curve": pgd(norm, eps, num_steps=40, step_size=0.1),
        "radii": tuple(round(eps * i / 6, 6) for i in range(11)),
      },
    }
  )


def adversarial(
  config: ConfigDict, attack: dict[str, Any], **options: Any
) -> ConfigDict:
  """Changes a config to adversarial training.

  Args:
    config: the config, which is edited.
    attack: section of the attack.
    **options: other options of `training_losses.pgd_at`.
  """
  config.loss = {"name": "pgd_at", "attack": attack, **options}
  config.training.monitor = "robust_accuracy"
  return config


def wong_recipe(config: ConfigDict) -> ConfigDict:
  """Changes a config to the MNIST recipe of Wong, Rice and Kolter 2020.

  Adam for ten epochs with batches of 100; the learning rate rises to 5e-3 at
  40 % of training and falls back to 0.
  """
  config.data.update(train="train[:58000]", validation="train[58000:]")
  config.optimizer.update(learning_rate=5e-3, schedule="triangle")
  config.training.update(num_epochs=10.0, batch_size=100)
  return config


def spatial(config: ConfigDict) -> ConfigDict:
  """Changes the threat model of a config to rotations and translations.

  Validation and evaluation are those of Engstrom et al. 2019, with 30 degrees
  and 3 pixels: one random transformation of each image, and the worst of a grid
  of 775. The curve over the radius remains that of the norm ball.
  """
  config.evaluator.validation_attacks = {"robust": worst_of_k(10)}
  config.evaluation.attacks = {
    "random": worst_of_k(1),
    "grid": {
      "name": "compose",
      "search": {"name": "grid_search", "num_points": (31, 5, 5)},
      "set": dict(_THIRTY_DEGREES),
      "objective": "margin",  # above 0 exactly if misclassified
    },
  }
  return config


def worst_of_k(k: int) -> dict[str, Any]:
  """Makes the section of an attack: the worst of k rotations, translations."""
  return {"name": "worst_of_k", "set": dict(_THIRTY_DEGREES), "k": k}


def pgd(norm: Norm, eps: float, **search: Any) -> dict[str, Any]:
  """Makes the section of an attack: PGD on the cross-entropy in a ball."""
  return {
    "name": "compose",
    "search": {"name": "pgd", **search},
    "set": {"name": norm, "eps": eps},
    "objective": "cross_entropy",
  }


def finish(config: ConfigDict, arg: str) -> ConfigDict:
  """Applies the argument of a config, none or "smoke".

  With "smoke" there are two training steps and an evaluation of a few examples
  of the embedded digits, as a test that all parts of the experiment fit.

  Raises:
    ValueError: another argument.
  """
  check_argument(arg)
  if arg == "smoke":
    smoke_data(config)
    config.evaluation.radii = config.evaluation.radii[:2]
    for section in (
      *config.evaluator.get("validation_attacks", {}).values(),
      *config.evaluation.attacks.values(),
      config.evaluation.curve,
      config.loss.get("attack", {}),
      config.evaluation.get("certificate", {}),
    ):
      _shorten(section)
  return config


def check_argument(arg: str, known: Collection[str] = ()) -> None:
  """Refuses arguments of a config but none, "smoke" and those that it knows.

  Raises:
    ValueError: it is another argument.
  """
  if arg not in ("", "smoke", *known):
    others = f" or one of {', '.join(known)}" if known else ""
    raise ValueError(
      f"config argument '{arg}': expected none or 'smoke'{others}."
    )


def smoke_data(config: ConfigDict) -> None:
  """Changes a config to two steps on a few of the embedded digits."""
  config.data.update(
    name="digits",
    train="train[:32]",
    validation="train[32:48]",
    test="test[:16]",
  )
  config.training.update(num_epochs=1.0, batch_size=16, log_every=1)
  config.evaluation.batch_size = 16


def _shorten(attack: ConfigDict) -> None:
  for section in (attack, attack.get("search", {})):
    for name, bound in _SHORT.items():
      if name in section:
        section[name] = _at_most(bound, section[name])


def _at_most(bound: int, value: int | tuple[int, ...]) -> int | tuple[int, ...]:
  if isinstance(value, int):
    return min(bound, value)
  return tuple(min(bound, number) for number in value)
