"""A GAN on a ring of eight Gaussians, which shows mode collapse.

Paper: Goodfellow et al. 2014, "Generative adversarial networks", with the
non-saturating loss; data of Metz et al. 2017 with wider modes.

Expected after 3,000 steps: 90 % of 2,000 samples within four standard
deviations of a mode, nearly all of them at four of the eight modes. It takes 20
seconds on one CPU core.

Command:
  ./launch.sh train --config=experiments/configs/gan/gaussian_ring.py
"""

from ml_collections import ConfigDict

from experiments.configs import common, gan_common

_ADAM = {"name": "adam", "learning_rate": 1e-3, "b1": 0.5}


def get_config(arg=""):
  common.check_argument(arg)
  config = ConfigDict(
    {
      "seed": 0,
      "precision": "float32",
      "data": {
        "kind": "synthetic",
        "name": "gaussian_ring",
        "std": 0.1,
        "train": {"num_examples": 16384, "seed": 0},
        "validation": {"num_examples": 2048, "seed": 1},
        "test": {"num_examples": 2048, "seed": 2},
      },
      "models": {
        "generator": {"name": "vector_generator", "hidden": (64, 64)},
        "discriminator": {"name": "vector_discriminator", "hidden": (64, 64)},
      },
      "task": {"name": "gan", "latent_size": 8},
      "evaluator": {"name": "sample_quality"},
      "report": "generation_report",
      "optimizers": {"generator": dict(_ADAM), "discriminator": dict(_ADAM)},
      "training": {
        "num_steps": 3000,
        "batch_size": 128,
        "log_every": 100,
        "evaluate_every_steps": 500,
        # Within four deviations of each mode, or outside of all.
        **gan_common.monitored("class_total_variation"),
      },
      "evaluation": {
        "batch_size": 512,
        "num_samples": 2048,
        "min_fraction": 0.02,
      },
    }
  )
  if arg == "smoke":
    config.data.train.num_examples = 32
    config.data.validation.num_examples = 16
    config.training.update(
      num_steps=2, batch_size=16, log_every=1, evaluate_every_steps=1
    )
  return config
