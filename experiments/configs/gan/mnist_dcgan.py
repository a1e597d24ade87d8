"""DCGAN on MNIST, with the non-saturating loss, the classical baseline.

Paper: Radford et al. 2016, "Unsupervised representation learning with deep
convolutional generative adversarial networks": Adam with a learning rate of
2e-4 and beta1 of 0.5; at 28 pixels, with half as many channels and batches of
64. What is deployed is an average of the generator's weights, for which
BatchNorm statistics are estimated anew.

Command:
  ./launch.sh train --config=experiments/configs/gan/mnist_dcgan.py
  ./launch.sh sample --workdir=runs/mnist_dcgan --num_examples=64 --out=grid.png
"""

from ml_collections import ConfigDict

from experiments.configs import common

_ADAM = {"name": "adam", "learning_rate": 2e-4, "b1": 0.5}


def get_config(arg=""):
  if arg not in ("", "smoke"):
    raise ValueError(f"config argument '{arg}': expected none or 'smoke'.")
  config = ConfigDict(
    {
      "seed": 0,
      "precision": "float32",
      "data": {"kind": "dataset", "name": "mnist"} | common.PARTS,
      "models": {
        "generator": {"name": "dcgan_generator", "widths": (128, 64)},
        "discriminator": {"name": "dcgan_discriminator", "widths": (32, 64)},
      },
      "task": {"name": "gan", "latent_size": 100},
      "adversarial_loss": {"name": "non_saturating"},
      "optimizers": {"generator": dict(_ADAM), "discriminator": dict(_ADAM)},
      "average": {"name": "ema", "decay": 0.999, "statistics_every": 10},
      "pictures": {"name": "generated_samples", "num_examples": 64},
      "training": {
        "num_epochs": 10.0,
        "batch_size": 64,
        "log_every": 20,
        "evaluate_every_epochs": 1.0,
        "keep_last": 2,
        # Neither player's loss measures the quality of samples.
        "monitor": "discriminator_loss",
        "monitor_mode": "max",
        "max_drop": float("inf"),
      },
      "evaluation": {"batch_size": 256},
    }
  )
  if arg == "smoke":
    common.smoke_data(config)
    config.models.generator.widths = (4,)
    config.models.discriminator.widths = (4, 4)
  return config
