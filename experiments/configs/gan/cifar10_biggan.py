"""A class-conditional BigGAN on CIFAR-10 with DiffAugment, for a GPU.

Papers: Brock et al. 2019, "Large scale GAN training for high fidelity natural
image synthesis"; Zhao et al. 2020, "Differentiable augmentation for
data-efficient GAN training". 256 channels at each of four resolutions, latents
of 80 in parts of 20, embeddings of 128, attention at 16 pixels, hinge loss, two
moves of the discriminator per step, each of 64 images, and an average of the
weights whose BatchNorm statistics are estimated anew. Changes of color are
clipped to [0, 1], and both images of a pair get the same ones. The images are
the binary or Python files, see `data.builders.cifar10_raw`.

`--max_minutes` sets a budget of time; the same command goes on from there.

Command:
  ./launch.sh train --config=experiments/configs/gan/cifar10_biggan.py \\
      --max_minutes=60
  ./launch.sh sample --workdir=runs/cifar10_biggan --num_examples=100 \\
      --truncation=1.0 --out=grid.png
"""

from experiments.configs import gan_common
from experiments.configs.gan import mnist_conditional

# Color, translation by an eighth, and cutout of half the side.
DIFF_AUGMENT = (
  {
    "name": "perturb",
    "set": {
      "name": "photometric",
      "brightness": 0.25,
      "contrast": 0.5,
      "saturation": 1.0,
      "hue": 0.0,
    },
  },
  {"name": "pad_crop", "padding": 4},
  {"name": "cutout", "size": 16},
)
_ADAM = {"name": "adam", "learning_rate": 2e-4, "b1": 0.0, "b2": 0.999}


def get_config(arg=""):
  config = mnist_conditional.get_config(arg)
  config.precision = "bfloat16"
  config.augment = DIFF_AUGMENT
  config.task.latent_size = 80
  config.optimizers = {
    "generator": dict(_ADAM),
    "discriminator": dict(_ADAM),
  }
  config.solver = {
    "name": "alternating",
    "counts": {"discriminator": 2, "generator": 1},
  }
  config.training.batch_size = 15 if arg == "smoke" else 3 * 64
  if arg != "smoke":
    gan_common.on_data(config, "cifar10_raw", "preact_resnet")
    config.models.generator.update(
      widths=(256,) * 4, embedding_size=128, attention_at=2
    )
    config.models.discriminator.update(widths=(256,) * 4, attention_at=1)
    config.average.decay = 0.9999
    config.training.update(num_epochs=400.0, evaluate_every_epochs=10.0)
  return config
