"""Domain adaptation from SVHN to MNIST, by any method.

Paper: Ganin et al. 2016, "Domain-adversarial training of neural networks",
section 5.2.4: 54.9 % on the target without adaptation, 73.9 % with DANN, 99.4 %
trained on the target. Deviations: a tenth of each training set is held out to
choose checkpoints; half of the units of the head's hidden layers are dropped,
where the paper leaves the fraction open. 31.8 million parameters: made for an
accelerator.

After the colon stands the name of a method (experiments/configs/adaptation.py).

Command:
  ./launch.sh data svhn_cropped
  ./launch.sh train --config=experiments/configs/domain/svhn_to_mnist.py:dann
"""

from experiments.configs import adaptation

# Of SVHN about (0.44, 0.44, 0.47); of MNIST 0.13, at 32x32 like SVHN.
_MEAN = (0.28, 0.28, 0.30)


def get_config(arg=""):
  config = adaptation.adaptation("svhn_cropped", "mnist", "dann_svhn", _MEAN)
  config.model.dropout = 0.5
  config.alignment.hidden = (1024, 1024)
  return adaptation.finish(config, arg, "svhn_to_mnist")
