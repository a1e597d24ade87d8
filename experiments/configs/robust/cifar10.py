"""Robust training on CIFAR-10, Linf 8/255, by any method.

PreAct-ResNet-18, random crops and flips, batches of 128, SGD with weight decay
5e-4 in bfloat16; after the colon stands the name of a method
(experiments/configs/robust_training.py). The schedule is the cyclic one of
Wong, Rice and Kolter 2020 over 30 epochs. The long recipe of Rice, Wong and
Kolter 2020, whose PGD-AT reaches 53.3 % under PGD-10 and falls to 45.6 % at the
end, is

  --config.training.num_epochs=200 --config.optimizer.schedule=piecewise \\
    --config.optimizer.learning_rate=0.1

with drops at 75 and 90 % of the run instead of 50 and 75 %. Published under
AutoAttack (MAIR, ResNet-18, 200 epochs): PGD-AT 48.67, TRADES 49.45, TRADES
with AWP 51.62 %. For accelerators.

Command:
  ./launch.sh train --config=experiments/configs/robust/cifar10.py:trades
"""

from experiments.configs import common, robust_training

_EPS = 8 / 255


def get_config(arg=""):
  config = common.classifier("cifar10_raw", "preact_resnet", eps=_EPS)
  config.precision = "bfloat16"
  config.data.update(train="train[:49000]", validation="train[49000:]")
  if arg == "smoke":
    config.model.update(num_blocks=(1, 1), width=4)
  else:
    config.model.mean = (0.4914, 0.4822, 0.4465)
    config.model.std = (0.2471, 0.2435, 0.2616)
  config.model.batch_norm = "per_device"
  config.augment = _CROP_AND_FLIP
  config.optimizer = {
    "name": "sgd",
    "learning_rate": 0.2,
    "schedule": "triangle",
    "momentum": 0.9,
    "weight_decay": 5e-4,
  }
  config.training.update(num_epochs=30.0, batch_size=128, log_every=100)
  return robust_training.finish(config, arg, eps=_EPS)


_CROP_AND_FLIP = ({"name": "pad_crop", "padding": 4}, {"name": "flip"})
