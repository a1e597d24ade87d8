"""R3GAN at small size on MNIST, the recommended recipe for other images too.

Loss: relativistic pairing with R1 and R2 penalties, Adam without momentum,
residual networks without normalization layers, and an average of the weights.

Paper: Huang et al. 2024, "The GAN is dead; long live the GAN! A modern baseline
GAN". The weight of the penalties falls and the average lengthens during
training there; here both are constant.

Command:
  ./launch.sh train --config=experiments/configs/gan/mnist_r3gan.py
  ./launch.sh evaluate --workdir=runs/mnist_r3gan
  ./launch.sh sample --workdir=runs/mnist_r3gan --num_examples=64 --out=grid.png
"""

from experiments.configs import gan_common


def get_config(arg=""):
  return gan_common.finish(gan_common.images("mnist", "r3gan"), arg)
