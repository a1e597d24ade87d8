"""A class-conditional GAN on MNIST: BigGAN at small size, with a hinge loss.

Paper: Brock et al. 2019, "Large scale GAN training for high fidelity natural
image synthesis": projection discriminator, class-conditional BatchNorm of a
shared embedding and of parts of the latent, self-attention, spectral
normalization, orthogonal initialization; the discriminator learns four times as
fast as the generator, both without momentum. Here there are 64 channels at
most, and one move of the discriminator per step.

Command:
  ./launch.sh train --config=experiments/configs/gan/mnist_conditional.py
  ./launch.sh sample --workdir=runs/mnist_conditional --out=grid.png
  ./launch.sh sample --workdir=runs/mnist_conditional --classes=3 \\
      --truncation=0.7 --out=threes.png
"""

from experiments.configs.gan import mnist_dcgan


def get_config(arg=""):
  config = mnist_dcgan.get_config(arg)
  config.models = {
    "generator": {"name": "biggan_generator", "widths": (64, 32, 16)},
    "discriminator": {"name": "biggan_discriminator", "widths": (16, 32, 64)},
  }
  config.task.latent_size = 48
  config.adversarial_loss = {"name": "hinge"}
  adam = {"name": "adam", "b1": 0.0, "b2": 0.999}
  config.optimizers = {
    "generator": adam | {"learning_rate": 2e-4},
    "discriminator": adam | {"learning_rate": 8e-4},
  }
  if arg == "smoke":
    for model in config.models.values():
      model.widths = (4, 4)
  else:
    config.training.update(num_epochs=4.0, evaluate_every_epochs=1.0)
  return config
