"""Common parts of the configs of image translation by pix2pix."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from experiments.configs import common

_ADAM = {"name": "adam", "learning_rate": 2e-4, "b1": 0.5}
_SMOKE_PARTS = {
  "train": {"part": "train[:32]"},
  "validation": {"part": "train[32:48]"},
  "test": {"part": "test[:16]"},
}


def pix2pix(data: Mapping[str, Any]) -> ConfigDict:
  """Makes the config of a pix2pix model, by the recipe of Isola et al. 2017.

  Args:
    data: the section `data`, of kind "pairs".
  """
  return ConfigDict(
    {
      "seed": 0,
      "precision": "float32",
      "report": "pix2pix_report",
      "pictures": {"name": "translations", "num_examples": 8},
      "data": {"kind": "pairs", **data},
      "models": {
        "generator": {"name": "unet_generator"},
        "discriminator": {"name": "patch_discriminator"},
      },
      "task": {"name": "pix2pix", "l1_weight": 200.0},
      "adversarial_loss": {"name": "non_saturating"},
      "optimizers": {"generator": dict(_ADAM), "discriminator": dict(_ADAM)},
      "training": {
        "num_epochs": 0.8,
        "batch_size": 16,
        "log_every": 50,
        "evaluate_every_epochs": 0.2,
        "keep_last": 2,
        # The last step is reported: the least error is that of blurred images.
        "monitor": "mae",
        "monitor_mode": "min",
        "max_drop": float("inf"),
      },
      "evaluation": {
        "batch_size": 64,
        # The run of a reader of the targets; "" trains the one below, if any.
        "independent_classifier": "",
        # Runs that are measured beside this one, if they are given.
        "beside": {"l1": "", "gan": ""},
      },
    }
  )


def add_reader(
  config: ConfigDict,
  model: Mapping[str, Any],
  *,
  monitor: str,
  class_weights: tuple[float, ...] = (),
  **training: Any,
) -> ConfigDict:
  """Adds a model that is trained first, to read what targets show.

  Args:
    config: the config, which is edited.
    model: its section `model`.
    monitor: a metric of `evaluators.confusion` that chooses its checkpoint.
    class_weights: of the loss, see `training_losses.segmentation`.
    **training: fields of its section `training`.
  """
  with config.unlocked():
    config.independent_classifier = {
      "seed": 0,
      "precision": "float32",
      "data": config.data.to_dict() | {"kind": "labeled_targets"},
      "model": dict(model),
      "task": {"name": "supervised"},
      "loss": {"name": "segmentation", "class_weights": class_weights},
      "score": "pixel_accuracy",
      "evaluator": {"name": "confusion"},
      "optimizer": {
        "name": "adam",
        "learning_rate": 2e-3,
        "schedule": "cosine",
      },
      "training": {
        "log_every": 20,
        "keep_last": 2,
        "monitor": monitor,
        "monitor_mode": "max",
        "max_drop": float("inf"),
        **training,
      },
      "evaluation": {"batch_size": 64},
    }
  return config


def finish(config: ConfigDict, arg: str, name: str) -> ConfigDict:
  """Applies the argument of a config: none, "l1", "gan" or "smoke".

  "l1" has no discriminator and "gan" no distance; both are read by the reader
  of the run without an argument. "smoke" is two steps on the edges of digits.

  Args:
    config: the config, which is edited.
    arg: the argument.
    name: name of the experiment.

  Raises:
    ValueError: another argument.
  """
  common.check_argument(arg, ("l1", "gan"))
  with config.unlocked():
    if arg == "smoke":
      _smoke(config)
    elif arg and "independent_classifier" in config:
      del config.independent_classifier
      reader = f"runs/{name}/independent_classifier"
      config.evaluation.independent_classifier = reader
    if arg == "l1":
      del config.models.discriminator, config.optimizers.discriminator
      del config.adversarial_loss
    elif arg == "gan":
      config.task.l1_weight = 0.0
  return config


def _smoke(config: ConfigDict) -> None:
  config.data = {
    "kind": "pairs",
    "name": "derived",
    "dataset": "digits",
    "input": "edges",
    "padding": 4,
    **_SMOKE_PARTS,
  }
  config.models.generator.widths = (4, 4)
  config.models.discriminator.widths = (4, 4)
  short = {"num_epochs": 1.0, "evaluate_every_epochs": 1.0, "batch_size": 16}
  config.training.update(short, log_every=1)
  config.evaluation.batch_size = 16
  if "independent_classifier" in config:
    reader = config.independent_classifier
    reader.data = config.data.to_dict() | {"kind": "labeled_targets"}
    reader.model = {"name": "small_cnn"}
    reader.loss.class_weights = ()
    reader.training.update(short, log_every=1, monitor="accuracy")
