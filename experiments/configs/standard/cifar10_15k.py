"""Three networks on CIFAR-10 with different augmentation, to be compared.

The data are the first 15,000 training images and all test images. The model is
a pre-activation residual network of 121,150 parameters, which two CPU cores
train in minutes. The argument after the colon selects the augmentation:

  (none)     no augmentation, 15 epochs.
  augmented  shifts by up to 4 pixels, horizontal flips, changes of light and
             color, noise on half of the images, cutout; 15 epochs.
  flips      5 more epochs of the first, with horizontal and vertical flips.

`--config.model.blur_pool` adds BlurPool to any of them. A thousand training
images are held out to select the checkpoint.

Command:
  ./launch.sh train --config=experiments/configs/standard/cifar10_15k.py
  ./launch.sh train \\
    --config=experiments/configs/standard/cifar10_15k.py:augmented
  ./launch.sh train --config=experiments/configs/standard/cifar10_15k.py:flips
"""

from experiments.build.with_overrides import with_overrides
from experiments.configs import common

_AUGMENT = (
  {"name": "pad_crop", "padding": 4},
  {"name": "flip"},
  {
    "name": "perturb",
    "set": {"name": "photometric", "saturation": 0.3, "hue": 10.0},
  },
  {
    "name": "sometimes",
    "augmentation": {
      "name": "corrupt",
      "corruption": "gaussian_noise",
      "severities": (1, 2, 3),
    },
  },
  {"name": "cutout", "size": 8},
)
_BOTH_FLIPS = {"name": "flip", "horizontal": True, "vertical": True}
_VARIANTS = {
  "augmented": {"augment": _AUGMENT},
  "flips": {
    "augment": (_BOTH_FLIPS,),
    "warm_start": {"run": "runs/cifar10_15k", "fresh": ()},
    "optimizer": {"learning_rate": 0.02},
    "training": {"num_epochs": 5.0},
  },
}


def get_config(arg=""):
  common.check_argument(arg, _VARIANTS)
  if arg in _VARIANTS:
    return with_overrides(_plain(""), _VARIANTS[arg])
  return _plain(arg)


def _plain(arg):
  config = common.classifier("cifar10_15k", "preact_resnet", eps=2 / 255)
  config.data.update(train="train[:14000]", validation="train[14000:]")
  config.model.update(num_blocks=(1, 1, 1), width=20, blur_pool=False)
  if arg == "smoke":
    config.model.update(num_blocks=(1, 1), width=4)
    config.augment = _AUGMENT
  else:
    config.model.mean = (0.4914, 0.4822, 0.4465)
    config.model.std = (0.2471, 0.2435, 0.2616)
  config.optimizer = {
    "name": "sgd",
    "learning_rate": 0.1,
    "schedule": "triangle",
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 5e-4,
  }
  # A longer attack would take more time than the training.
  fgsm = config.evaluation.attacks.fgsm.to_dict()
  config.evaluator.validation_attacks.robust = fgsm
  config.training.update(
    num_epochs=15.0, batch_size=128, log_every=20, evaluate_every_epochs=3.0
  )
  return common.finish(config, arg)
