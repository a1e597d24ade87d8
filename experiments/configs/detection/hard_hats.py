"""Hard hats at construction sites, found by an anchor-free detector.

Four classes in pictures of 320x320 pixels: hard_hat, no_hard_hat, no_head_wear
and person. Does an augmentation help against the change that it trains, and
what does it cost elsewhere? The argument after the colon selects the recipe:

  plain      mosaic, scale and translation, which every recipe has: without
             them 675 pictures are learned by heart; default.
  augmented  noise, blur, brightness and rotation as well.
  flipped    from the best checkpoint of plain, with horizontal and vertical
             flips added.
  full       mosaic, scale, translation, horizontal flips and color.
  adversarial  from the best checkpoint of plain, on the worst of two attacks,
             one on the classes and one on the boxes (Zhang and Wang 2019).

A step costs 0.10 CPU seconds an image, 0.13 with the changes of augmented.

Files: `hardhat/hardhat_320q85.npz` in the folder of raw data.

Command:
  ./launch.sh train --config=experiments/configs/detection/hard_hats.py
  ./launch.sh train --config=experiments/configs/detection/hard_hats.py:flipped
"""

from typing import Any, get_args

from ml_collections import ConfigDict

from experiments.build.with_overrides import with_overrides
from experiments.configs import common
from robust_jax.attacks.detection.tog import Goal

_FILE = "hardhat/hardhat_320q85.npz"
_EPS = 8 / 255
_MOSAIC = {"name": "mosaic", "probability": 0.5}
_CROP = {"name": "affine", "scale": 0.4, "translation": 0.15}
_ROTATED_CROP = _CROP | {"rotation": 15.0}
_FLIP = {"name": "flip"}
_BOTH_FLIPS = {"name": "flip", "vertical": True}


def _photometric(**ranges: float) -> dict[str, Any]:
  """Changes of brightness, contrast, saturation and hue within the ranges."""
  none = dict.fromkeys(("brightness", "contrast", "saturation", "hue"), 0.0)
  return {"name": "perturb", "set": {"name": "photometric", **none, **ranges}}


def _sometimes(**augmentation: Any) -> dict[str, Any]:
  return {"name": "sometimes", "augmentation": augmentation}


_COLOR = _photometric(brightness=0.1, contrast=0.3, saturation=0.5, hue=10.0)
_NOISE_BLUR_BRIGHTNESS = (
  _sometimes(**_photometric(brightness=0.3)),
  _sometimes(name="corrupt", corruption="gaussian_blur", severities=(1, 2, 3)),
  _sometimes(name="corrupt", corruption="gaussian_noise", severities=(1, 2, 3)),
)


def _attack(objective: str, **search: Any) -> dict[str, Any]:
  """PGD in the ball of TOG, on the objects of the image."""
  return {
    "name": "compose",
    "search": {"name": "pgd", **search},
    "set": {"name": "linf", "eps": _EPS},
    "objective": objective,
  }


_AFTER_PLAIN = {
  "warm_start": {"run": "runs/hard_hats_plain"},
  "optimizer": {"learning_rate": 1e-3},
  "training": {"num_epochs": 12.0, "evaluate_every_epochs": 2.0},
}
_TASK_LOSSES = ("detection.classification", "detection.localization")
_VARIANTS: dict[str, dict[str, Any]] = {
  "plain": {},
  "augmented": {
    "augment_batch": (_MOSAIC, _ROTATED_CROP),
    "augment": _NOISE_BLUR_BRIGHTNESS,
  },
  "flipped": {
    "augment_batch": (_MOSAIC, _CROP, _BOTH_FLIPS),
    **_AFTER_PLAIN,
  },
  "full": {"augment_batch": (_MOSAIC, _CROP, _FLIP), "augment": _COLOR},
  "adversarial": {
    "loss": {
      "name": "several_attacks",
      "attacks": {
        name.partition(".")[2]: _attack(
          name, num_steps=1, step_size=1.0, keep="last"
        )
        for name in _TASK_LOSSES
      },
      "objective": "detection.center_net",
    },
    **_AFTER_PLAIN,
  },
}


def get_config(arg=""):
  common.check_argument(arg, _VARIANTS)
  config = ConfigDict(
    {
      "seed": 0,
      "precision": "float32",
      "data": {
        "kind": "detection",
        "name": "hard_hats",
        "train": f"{_FILE}[train]",
        "validation": f"{_FILE}[val]",
        "test": f"{_FILE}[test]",
      },
      "model": {
        "name": "center_net",
        "width": 16,
        "mean": (0.5,),
        "std": (0.25,),
      },
      "task": {"name": "supervised"},
      "loss": {"name": "erm", "objective": "detection.center_net"},
      "score": "center_iou",
      "augment_batch": (_MOSAIC, _CROP),
      "evaluator": {"name": "detection", "validation_attacks": {}},
      "optimizer": {
        "name": "adamw",
        "learning_rate": 2e-3,
        "weight_decay": 1e-4,
        "clip_norm": 100.0,
        "schedule": "triangle",
      },
      "training": {
        "num_epochs": 30.0,
        "batch_size": 8,
        "log_every": 10,
        "evaluate_every_epochs": 3.0,
        "keep_last": 2,
        "monitor": "ap50",
        "monitor_mode": "max",
        "max_drop": float("inf"),
      },
      "evaluation": {
        "batch_size": 16,
        "attacks": {
          goal: {"name": "detection.tog", "goal": goal}
          for goal in get_args(Goal)
        },
        # These are learned on training images, and put on those of the test.
        "universal": {
          "set": {"name": "linf", "eps": _EPS},
          "objective": "detection.vanish",
          "num_examples": 128,
          "num_epochs": 5,
          "batch_size": 16,
          "clip": float("inf"),
        },
        "patch": {
          "objective": "detection.vanish",
          "diameter": (0.15, 0.3),
          "degrees": 20.0,
          "resolution": 64,
          "num_examples": 128,
          "num_steps": 200,
          "batch_size": 8,
        },
        # Runs that are measured in the same report, by title.
        "beside": {},
      },
      "report": "detection_report",
    }
  )
  config = with_overrides(config, _VARIANTS.get(arg, {}))
  if arg == "smoke":
    _smoke(config)
  return config


def _smoke(config: ConfigDict) -> None:
  """Changes a config to two steps on a few painted rectangles."""
  config.data = {"kind": "synthetic", "name": "rectangles"}
  for seed, split in enumerate(("train", "validation", "test")):
    number = 32 if split == "train" else 16
    config.data[split] = {"num_examples": number, "seed": seed}
  config.model.width = 4
  config.training.update(num_epochs=1.0, batch_size=16, log_every=1)
  config.training.evaluate_every_epochs = 0.5
  config.evaluation.attacks = {
    "vanish": {"name": "detection.tog", "goal": "vanish", "num_steps": 1}
  }
  with config.unlocked():
    del config.evaluation.universal, config.evaluation.patch
