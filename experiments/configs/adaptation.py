"""Common parts of the configs of domain adaptation: recipe and methods."""

from collections.abc import Sequence
from typing import Any

from ml_collections import ConfigDict

from experiments.build.with_overrides import with_overrides
from experiments.configs import common

_SGD = {
  "name": "sgd",
  "momentum": 0.9,
  "learning_rate": 0.01,
  "schedule": "dann",
}
_SOURCE_ONLY = {"alignment": {"name": "source_only"}}
# Separate statistics close much of the gap by themselves.
_BATCH_NORM = {
  "model": {"batch_norm": "per_device"},
  "task": {"batch_norm": "separate"},
}
# The changes of each method to the recipe, which is that of DANN.
METHODS: dict[str, dict[str, Any]] = {
  "dann": {},
  "source_only": _SOURCE_ONLY,
  # Upper bound: supervised training on the target (`_with_method`).
  "on_target": _SOURCE_ONLY,
  # Fine-tuning with a few target labels (`_with_method`).
  "fine_tuned": _SOURCE_ONLY,
  "dann_alternating": {"task": {"solver": "alternating"}},
  "cdan": {"alignment": {"name": "cdan", "entropy": False}},
  "cdan_e": {"alignment": {"name": "cdan"}},
  "mmd": {"alignment": {"name": "mmd"}},
  "coral": {"alignment": {"name": "coral"}},
  "mcd": {
    "task": {"name": "mcd", "num_updates": 4, "batch_norm": "none"},
    "alignment": None,
  },
  "adda": {
    "task": {"name": "adda", "pretrained_fraction": 0.5, "batch_norm": "none"},
    "optimizer": None,
    "optimizers": {
      "source": _SGD,
      "adversary": {"name": "adam", "learning_rate": 2e-4, "b1": 0.5},
      # At the adversary's learning rate the game is unstable.
      "target": {"name": "adam", "learning_rate": 2e-5, "b1": 0.5},
    },
    "alignment": {"hidden": (500, 500)},
  },
  "source_only_bn": _SOURCE_ONLY | _BATCH_NORM,
  "dann_bn": _BATCH_NORM,
}
_NUM_LABELED = 100  # target examples of fine-tuning


def adaptation(
  source: str, target: str, model: str, mean: Sequence[float]
) -> ConfigDict:
  """Makes the config of unsupervised domain adaptation.

  It is the recipe of Ganin et al. 2016 for digits: batches of 64 and 64,
  momentum, both schedules, no weight decay.

  Args:
    source: name of the source dataset.
    target: name of the target dataset, of the same classes.
    model: name of a model with `features` and `head`.
    mean: mean of the pixels of both, per channel, which is subtracted.
  """
  return ConfigDict(
    {
      "seed": 0,
      "precision": "float32",
      "report": "adaptation_report",
      "data": {
        "kind": "domains",
        "sources": {source: dict(common.PARTS)},
        "target": {"name": target} | common.PARTS,
      },
      "model": {"name": model, "mean": tuple(mean), "batch_norm": "none"},
      "task": {
        "name": "domain",
        "weight": 1.0,
        "schedule": "dann",
        "solver": "reversal",
        "batch_norm": "none",
        # Weights of source examples by class; () for equal weights.
        "class_weights": (),
      },
      "alignment": {"name": "dann", "hidden": (100,)},
      "optimizer": dict(_SGD),
      "training": {
        "num_steps": 8600,
        "batch_size": 128,
        "log_every": 50,
        "evaluate_every_steps": 860,
        "keep_last": 10,
        "monitor": "information",
        "monitor_mode": "max",
        # A label-free validator may fall and rise again.
        "max_drop": float("inf"),
      },
      "evaluation": {"batch_size": 500},
    }
  )


def at_size_of_usps(source: str, target: str) -> ConfigDict:
  """Makes the config for gray digits at the 16x16 pixels of USPS."""
  config = adaptation(source, target, "dann_mnist", (0.19,))
  with config.unlocked():
    config.data.image_shape = (16, 16, 1)
  config.training.update(num_steps=2000, evaluate_every_steps=200)
  return config


def finish(config: ConfigDict, arg: str, name: str) -> ConfigDict:
  """Applies the argument of a config: none, a name in `METHODS`, or "smoke".

  Args:
    config: a config of `adaptation`.
    arg: the argument.
    name: name of the experiment; `fine_tuned` starts from its `source_only`
      run.

  Raises:
    ValueError: another argument.
  """
  common.check_argument(arg, METHODS)
  if arg == "smoke":
    return _smoke(config)
  return _with_method(config, arg or "dann", name)


def with_control(config: ConfigDict, arg: str, name: str) -> ConfigDict:
  """Applies the argument like `finish`, and adds a source-only control.

  Source-only training itself has no control. The control has the same BatchNorm
  statistics as the method, because these align domains by themselves.
  """
  recipe = {name: config[name].to_dict() for name in ("task", "optimizer")}
  config = finish(config, arg, name)
  if config.get("alignment", {}).get("name") != "source_only":
    recipe["task"]["batch_norm"] = config.task.batch_norm
    dropped = {"optimizers": None} if "optimizers" in config else {}
    with config.unlocked():
      config.control = _SOURCE_ONLY | recipe | dropped
  return config


def _with_method(config, method, name):
  config = with_overrides(config, METHODS[method])
  if method not in ("on_target", "fine_tuned"):
    return config
  target = config.data.target
  labeled = {split: target[split] for split in common.PARTS}
  with config.unlocked():
    if method == "fine_tuned":
      labeled["train"] = f"train[:{_NUM_LABELED}]"
      config.warm_start = {
        "run": f"runs/{name}_source_only",
        "fresh": ("label_predictor",),
      }
      config.training.update(num_steps=400, evaluate_every_steps=40)
    config.data.sources = {target.name: labeled}
  return config


def _smoke(config: ConfigDict) -> ConfigDict:
  """Changes a config to two steps on 32 digits with and without photographs."""
  parts = {
    "train": "train[:32]",
    "validation": "train[32:64]",
    "test": "test[:16]",
  }
  with config.unlocked():
    config.data = {
      "kind": "domains",
      "sources": {"digits": dict(parts)},
      "target": {"name": "digits_m"} | parts,
    }
  config.training.update(num_steps=2, batch_size=16, log_every=1)
  config.training.update(evaluate_every_steps=1)
  config.evaluation.batch_size = 16
  return config
