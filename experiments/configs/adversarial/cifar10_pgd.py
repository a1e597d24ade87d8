"""PGD adversarial training of a PreAct-ResNet-18 on CIFAR-10, Linf 8/255.

Paper: Madry et al. 2018; schedule and batch size as Rice, Wong and Kolter 2020,
"Overfitting in adversarially robust deep learning", whose remedy, the best
checkpoint by held-out robust accuracy, is what the loop keeps. Deviation: no
random crops and flips. For accelerators; it has not been run to its end.

Command:
  ./launch.sh train --config=experiments/configs/adversarial/cifar10_pgd.py
"""

from experiments.configs import common


def get_config(arg=""):
  eps = 8 / 255
  config = common.classifier("cifar10", "preact_resnet", eps=eps)
  if arg == "smoke":
    config.model.update(num_blocks=(1, 1), width=4)
  else:
    config.model.mean = (0.4914, 0.4822, 0.4465)
    config.model.std = (0.2471, 0.2435, 0.2616)
  config.model.batch_norm = "per_device"
  common.adversarial(
    config, common.pgd("linf", eps, num_steps=10, step_size=0.25, keep="last")
  )
  config.optimizer = {
    "name": "sgd",
    "learning_rate": 0.1,
    "schedule": "piecewise",
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 5e-4,
  }
  config.training.update(num_epochs=110.0, batch_size=128, log_every=50)
  return common.finish(config, arg)
