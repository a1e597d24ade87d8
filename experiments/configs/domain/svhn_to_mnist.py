"""Domain adaptation from SVHN to MNIST, by any method.

Paper: Ganin et al. 2016, "Domain-adversarial training of neural networks",
section 5.2.4: 54.9 % on the target without adaptation, 73.9 % with DANN, 99.4 %
trained on the target. Deviations: a tenth of each training set is held out to
select checkpoints; the dropout rate of the head, which the paper does not
specify, is 0.5. The model has 31.8 million parameters and needs an accelerator.

The argument after the colon is a method of experiments/configs/adaptation.py.

Command:
  ./launch.sh data svhn_cropped
  ./launch.sh train --config=experiments/configs/domain/svhn_to_mnist.py:dann
"""

from experiments.configs import adaptation

# SVHN has about (0.44, 0.44, 0.47), MNIST 0.13 at 32x32 pixels like SVHN.
_MEAN = (0.28, 0.28, 0.30)


def get_config(arg=""):
  config = adaptation.adaptation("svhn_cropped", "mnist", "dann_svhn", _MEAN)
  config.model.dropout = 0.5
  config.alignment.hidden = (1024, 1024)
  return adaptation.finish(config, arg, "svhn_to_mnist")
