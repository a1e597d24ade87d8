"""Hard hats at construction sites, found by an anchor-free detector.

Four classes: hard_hat, no_hard_hat, no_head_wear and person, in pictures of
320x320 pixels.

Command:
  ./launch.sh train --config=experiments/configs/detection/hard_hats.py
"""

from ml_collections import ConfigDict

_FILE = "hardhat/hardhat_320q85.npz"


def get_config(arg=""):
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
      "evaluator": {"name": "detection", "validation_attacks": {}},
      "optimizer": {
        "name": "adamw",
        "learning_rate": 2e-3,
        "weight_decay": 1e-4,
        "clip_norm": 10.0,
        "schedule": "triangle",
      },
      "training": {
        "num_epochs": 30.0,
        "batch_size": 16,
        "log_every": 10,
        "evaluate_every_epochs": 3.0,
        "keep_last": 2,
        "monitor": "ap50",
        "monitor_mode": "max",
        "max_drop": float("inf"),
      },
      "evaluation": {"batch_size": 16},
    }
  )
  if arg not in ("", "smoke"):
    raise ValueError(f"config argument '{arg}': expected none or 'smoke'.")
  if arg == "smoke":
    _smoke(config)
  return config


def _smoke(config: ConfigDict) -> None:
  """Changes a config to two steps on a few painted rectangles."""
  config.data = {"kind": "synthetic", "name": "rectangles"}
  for split, number, seed in (
    ("train", 32, 0),
    ("validation", 16, 1),
    ("test", 16, 2),
  ):
    config.data[split] = {"num_examples": number, "seed": seed}
  config.model.width = 4
  config.training.update(num_epochs=1.0, batch_size=16, log_every=1)
  config.training.evaluate_every_epochs = 0.5
  config.evaluation.batch_size = 16
