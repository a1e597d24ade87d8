"""What configs share: the default classifier, sections, and the smoke test."""

from typing import Any

from ml_collections import ConfigDict

from robust_jax.types import Norm

_THIRTY_DEGREES = {"name": "affine", "rotation": 30.0, "translation": 3.0}
# A tenth of the training set is held out to choose checkpoints.
PARTS = {"train": "train[:90%]", "validation": "train[90%:]", "test": "test"}
# The longest that the smoke test takes.
_SHORT = {
  "num_steps": 2,
  "restarts": 2,
  "num_samples": 2,
  "k": 2,
  "num_points": 3,
}


def classifier(
  data: str, model: str, eps: float, norm: Norm = "linf"
) -> ConfigDict:
  """A config to train and evaluate a classifier against an adversary in a ball.

  Args:
    data: name of a dataset.
    model: name of a model.
    eps: radius that validation and evaluation use, in input units.
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
      # Validation measures accuracy, clean and under these attacks, to choose
      # the best checkpoint and to notice catastrophic overfitting.
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
        # What `evaluate --attack=autoattack` runs.
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
  """The config with adversarial training against `attack`.

  Args:
    config: edited.
    attack: its section.
    **options: others of `training_losses.pgd_at`.
  """
  config.loss = {"name": "pgd_at", "attack": attack, **options}
  config.training.monitor = "robust_accuracy"
  return config


def wong_recipe(config: ConfigDict) -> ConfigDict:
  """The MNIST recipe of Wong, Rice and Kolter 2020: Adam, ten short epochs.

  The learning rate rises to 5e-3 at 40 % of training and falls back to 0;
  batches of 100.
  """
  config.data.update(train="train[:58000]", validation="train[58000:]")
  config.optimizer.update(learning_rate=5e-3, schedule="triangle")
  config.training.update(num_epochs=10.0, batch_size=100)
  return config


def spatial(config: ConfigDict) -> ConfigDict:
  """The config with rotations and translations as the threat; `classifier` has
  an Linf ball there, of which the curve is left.

  Validation and evaluation are those of Engstrom et al. 2019, 30 degrees and 3
  pixels: one random transform of each image, and the worst of a grid of 775.
  """
  config.evaluator.validation_attacks = {"robust": worst_of_k(10)}
  config.evaluation.attacks = {
    "random": worst_of_k(1),
    "grid": {
      "name": "compose",
      "search": {"name": "grid_search", "num_points": (31, 5, 5)},
      "set": dict(_THIRTY_DEGREES),
      "objective": "margin",  # above 0 exactly where the answer is wrong
    },
  }
  return config


def worst_of_k(k: int) -> dict[str, Any]:
  """An attack section: the worst of k random rotations and translations."""
  return {"name": "worst_of_k", "set": dict(_THIRTY_DEGREES), "k": k}


def pgd(norm: Norm, eps: float, **search: Any) -> dict[str, Any]:
  """An attack section: PGD on the cross-entropy in a ball."""
  return {
    "name": "compose",
    "search": {"name": "pgd", **search},
    "set": {"name": norm, "eps": eps},
    "objective": "cross_entropy",
  }


def finish(config: ConfigDict, arg: str) -> ConfigDict:
  """Applies the config's argument: none, or "smoke".

  "smoke" makes two training steps and an evaluation of a few examples of the
  embedded dataset, whatever the experiment's own: it shows that all parts fit.

  Raises:
    ValueError: another argument.
  """
  if arg not in ("", "smoke"):
    raise ValueError(f"config argument '{arg}': expected none or 'smoke'.")
  if arg == "smoke":
    smoke_data(config)
    config.evaluation.radii = config.evaluation.radii[:2]
    for section in (
      *config.evaluator.validation_attacks.values(),
      *config.evaluation.attacks.values(),
      config.evaluation.curve,
      config.loss.get("attack", {}),
    ):
      _shorten(section)
  return config


def smoke_data(config: ConfigDict) -> None:
  """Two steps on a few of the embedded digits; edits the config."""
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
    for name, most in _SHORT.items():
      if name in section:
        section[name] = _at_most(most, section[name])


def _at_most(most: int, value: int | tuple[int, ...]) -> int | tuple[int, ...]:
  if isinstance(value, int):
    return min(most, value)
  return tuple(min(most, number) for number in value)
