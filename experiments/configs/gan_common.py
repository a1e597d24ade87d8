"""Common parts of the configs of GANs: recipes, judging, the smoke test."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from experiments.build.with_overrides import with_overrides
from experiments.configs import common

_ADAM = {"name": "adam", "learning_rate": 2e-4}
# Radford et al. 2016; the width is half of theirs. What is deployed is an
# average, for which BatchNorm statistics are estimated anew.
_DCGAN = {
  "models": {
    "generator": {"name": "dcgan_generator", "widths": (128, 64)},
    "discriminator": {"name": "dcgan_discriminator", "widths": (32, 64)},
  },
  "task": {"latent_size": 100},
  "adversarial_loss": {"name": "non_saturating"},
  "optimizers": {
    "generator": _ADAM | {"b1": 0.5},
    "discriminator": _ADAM | {"b1": 0.5},
  },
  "average": {"name": "ema", "decay": 0.999, "statistics_every": 10},
  "training": {"batch_size": 64, "num_epochs": 5.0},
}
_R3GAN_ADAM = {
  "name": "adam",
  "learning_rate": 1e-3,
  "schedule": "cosine",
  "b1": 0.0,
  "b2": 0.99,
}
# Gulrajani et al. 2017: five moves of a critic without BatchNorm to one of the
# generator, each on a batch of 64.
_WGAN_ADAM = {"name": "adam", "learning_rate": 1e-4, "b1": 0.0, "b2": 0.9}
_CRITIC = {
  "adversarial_loss": {"name": "wasserstein"},
  "penalties": ({"name": "gradient_penalty", "weight": 10.0},),
  "solver": {
    "name": "alternating",
    "counts": {"discriminator": 5, "generator": 1},
  },
  "models": {"discriminator": {"batch_norm": "none"}},
  "optimizers": {
    "generator": dict(_WGAN_ADAM),
    "discriminator": dict(_WGAN_ADAM),
  },
  "training": {"batch_size": 384},
}
# No recipe has these losses with these networks: as published are the
# normalization of the discriminator and the penalties.
_PENALTIES = ({"name": "r1", "weight": 0.1}, {"name": "r2", "weight": 0.1})
LOSSES: dict[str, dict[str, Any]] = {
  "non_saturating": {},
  "minimax": {"adversarial_loss": {"name": "minimax"}},
  "least_squares": {"adversarial_loss": {"name": "least_squares"}},
  "hinge": {
    "adversarial_loss": {"name": "hinge"},
    "models": {"discriminator": {"batch_norm": "none", "spectral_norm": True}},
  },
  "wasserstein": _CRITIC,
  "relativistic": {
    "adversarial_loss": {"name": "relativistic"},
    "penalties": _PENALTIES,
    "models": {"discriminator": {"batch_norm": "none"}},
  },
}
"""Name of a loss -> what it changes in the recipe "dcgan"."""

RECIPES: dict[str, dict[str, Any]] = {
  "dcgan": _DCGAN,
  # Huang et al. 2024. The weight of the penalties falls and the average
  # lengthens during training there; here both are constant. Lazy penalties,
  # patches of 2x2 pixels and few, large groups are for the sake of CPUs.
  "r3gan": {
    "models": {
      "generator": {
        "name": "r3gan_generator",
        "widths": (32, 16),
        "group_size": 32,
        "blocks_per_width": 1,
        "patch_size": 2,
      },
      "discriminator": {
        "name": "r3gan_discriminator",
        "widths": (16, 32),
        "group_size": 32,
        "blocks_per_width": 1,
        "patch_size": 2,
      },
    },
    "task": {"latent_size": 64},
    "adversarial_loss": {"name": "relativistic"},
    "penalties": (
      {"name": "r1", "weight": 1.0, "every": 4},
      {"name": "r2", "weight": 1.0, "every": 4},
    ),
    "optimizers": {
      "generator": dict(_R3GAN_ADAM),
      "discriminator": dict(_R3GAN_ADAM),
    },
    "average": {"name": "ema", "decay": 0.999},
    "training": {"batch_size": 64, "num_epochs": 4.0},
  },
}
"""Name -> the sections of a config that make the recipe."""


def images(data: str, recipe: str) -> ConfigDict:
  """Makes the config of a GAN on images, judged by a classifier of theirs.

  The classifier is trained first, in `independent_classifier`, unless
  `evaluation.independent_classifier` names a run: only distances by the same
  classifier can be compared.

  Args:
    data: name of a dataset of gray images of 28 pixels.
    recipe: one of `RECIPES`.
  """
  classifier = common.classifier(data, "small_cnn", eps=0.3)
  common.wong_recipe(classifier)
  classifier.evaluator.validation_attacks = {}
  classifier.data.update(common.PARTS)
  classifier.training.num_epochs = 5.0
  config = ConfigDict(
    {
      "seed": 0,
      "precision": "float32",
      "data": {"kind": "dataset", "name": data} | common.PARTS,
      "task": {"name": "gan"},
      "evaluator": {"name": "sample_quality"},
      "report": "generation_report",
      "pictures": {"name": "generated_samples", "num_examples": 64},
      "training": {
        "num_epochs": 10.0,
        "log_every": 20,
        "evaluate_every_epochs": 1.0,
        **monitored(),
        "warn_below": {"spread": 0.3, "class_entropy": 1.0},
      },
      "evaluation": {
        "batch_size": 256,
        "num_samples": 10000,
        # A class is covered if at least this fraction of samples is of it.
        "min_fraction": 0.02,
        "independent_classifier": "",
        "features": "",  # a JAX function, "package.module:function"
      },
      "independent_classifier": classifier.to_dict(),
    }
  )
  return with_overrides(config, RECIPES[recipe])


def on_data(config: ConfigDict, data: str, classifier: str) -> None:
  """Changes the data of a config of `images`, and the classifier of them.

  Args:
    config: the config, which is edited.
    data: name of a dataset of images.
    classifier: name of the classifier's model.
  """
  for one in (config, config.independent_classifier):
    one.data.name = data
  config.independent_classifier.model = {"name": classifier}


def with_variant(
  config: ConfigDict, variants: Mapping[str, Mapping[str, Any]], arg: str
) -> ConfigDict:
  """Applies the argument of a config that has variants, except "smoke".

  Args:
    config: the config.
    variants: name -> changes, the first of which is that of no argument.
    arg: the name of a variant, none, or "smoke", which is applied by `finish`.

  Raises:
    ValueError: another argument.
  """
  common.check_argument(arg, variants)
  name = arg if arg in variants else next(iter(variants))
  return with_overrides(config, variants[name])


def monitored(metric: str = "frechet_distance") -> dict[str, Any]:
  """Makes the fields of `training` by which the best checkpoint is chosen.

  Args:
    metric: a metric of `evaluators.sample_quality`, the less the better.
  """
  return {
    "keep_last": 2,
    # Neither player's loss measures the quality of samples.
    "monitor": metric,
    "monitor_mode": "min",
    "max_drop": float("inf"),
  }


def finish(config: ConfigDict, arg: str) -> ConfigDict:
  """Applies the argument of a config of images, none or "smoke".

  Raises:
    ValueError: another argument.
  """
  common.check_argument(arg)
  if arg == "smoke":
    for one in (config, config.independent_classifier):
      common.smoke_data(one)
      if "num_steps" in one.training:
        one.training.update(num_steps=2, evaluate_every_steps=2)
    for model in config.models.values():
      residual = {"group_size": 4} if model.name.startswith("r3gan") else {}
      model.update(widths=(4, 4), **residual)
  return config
