"""R3GAN on CIFAR-10 at a third of the published width, for a GPU.

Paper: Huang et al. 2024, "The GAN is dead; long live the GAN! A modern baseline
GAN": four resolutions of two blocks with grouped convolutions of 16 channels,
relativistic pairing, R1 and R2, Adam without momentum; 768 channels, batches of
512 and 20 million images there. Here there are 256 channels, batches of 256 and
9 million images, the penalties and the average of the weights stay as they are
at the beginning, and flips with DiffAugment replace adaptive augmentation. The
images are the binary or Python files, see `data.builders.cifar10_raw`.

`--max_minutes` sets a budget of time; the same command goes on from there.

Command:
  ./launch.sh train --config=experiments/configs/gan/cifar10_r3gan.py \\
      --max_minutes=60
  ./launch.sh sample --workdir=runs/cifar10_r3gan --out=grid.png
"""

from experiments.configs import gan_common
from experiments.configs.gan import mnist_r3gan
from experiments.configs.gan.cifar10_biggan import DIFF_AUGMENT


def get_config(arg=""):
  config = mnist_r3gan.get_config(arg)
  config.precision = "bfloat16"
  config.augment = ({"name": "flip"}, *DIFF_AUGMENT)
  for penalty in config.penalties:
    penalty.update(weight=0.05, every=1)
  for optimizer in config.optimizers.values():
    optimizer.learning_rate = 2e-4
  if arg != "smoke":
    gan_common.on_data(config, "cifar10_raw", "preact_resnet")
    for model in config.models.values():
      model.update(
        widths=(256,) * 4, blocks_per_width=2, patch_size=1, group_size=16
      )
    config.training.update(
      num_epochs=200.0, batch_size=256, evaluate_every_epochs=5.0
    )
  return config
