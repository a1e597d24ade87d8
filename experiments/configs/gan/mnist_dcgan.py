"""DCGAN on MNIST, with the non-saturating loss, the classical baseline.

Paper: Radford et al. 2016, "Unsupervised representation learning with deep
convolutional generative adversarial networks": Adam with a learning rate of
2e-4 and beta1 of 0.5; at 28 pixels, with half as many channels and batches of
64. What is deployed is an average of the generator's weights, for which
BatchNorm statistics are estimated anew.

Command:
  ./launch.sh train --config=experiments/configs/gan/mnist_dcgan.py
  ./launch.sh evaluate --workdir=runs/mnist_dcgan
  ./launch.sh sample --workdir=runs/mnist_dcgan --num_examples=64 --out=grid.png
"""

from experiments.configs import gan_common


def get_config(arg=""):
  return gan_common.finish(gan_common.images("mnist", "dcgan"), arg)
