"""ResNet-50 on ImageNet at 224 pixels: standard, or robust in Linf 4/255.

  (none), pgd_at  PGD-AT with three steps of 2/3 of the radius, from the image
                  itself, of which the best point is trained on.
  standard        standard training.

Images are decoded on the host and streamed: random crops of 8 % to all of an
image with flips in training, the central 224 of 256 pixels in evaluation. SGD
with momentum 0.9 and weight decay 1e-4 in bfloat16, batches of 512, 90 epochs;
the learning rate is 0.1, a tenth of it after 30 and a hundredth after 60
epochs. One percent of the training images are held out to choose the
checkpoint. For accelerators.

On fewer of them, `--config.task.accumulation_steps=4` divides the memory for
activations by four, and `--config.model.remat=True` by about three.

Source: Salman et al. 2020, "Do adversarially robust ImageNet models transfer
better?", whose ResNet-50 is `Salman2020Do_R50` of RobustBench, and the defaults
for attack and optimizer of their library, `robustness`. Deviation: there colors
and lighting are jittered as well.

TFDS prepares the data from the two archives of ImageNet, which it looks for in
`downloads/manual` of its directory.

Command:
  ./launch.sh data imagenet2012
  ./launch.sh train --config=experiments/configs/robust/imagenet.py:pgd_at
"""

from experiments.configs import common

_EPS = 4 / 255


def get_config(arg=""):
  common.check_argument(arg, ("pgd_at", "standard"))
  config = common.classifier("imagenet2012", "resnet", eps=_EPS)
  config.precision = "bfloat16"
  config.data.update(
    train="train[:99%]", validation="train[99%:]", test="validation", size=224
  )
  config.model.update(block="bottleneck", stem="imagenet")
  if arg == "smoke":
    config.data.size = 16
    config.model.update(num_blocks=(1, 1), width=4)
  else:
    config.model.num_blocks = (3, 4, 6, 3)
    config.model.mean = (0.485, 0.456, 0.406)
    config.model.std = (0.229, 0.224, 0.225)
  config.augment = ({"name": "flip"},)
  config.optimizer = {
    "name": "sgd",
    "learning_rate": 0.1,
    "schedule": "thirds",
    "momentum": 0.9,
    "weight_decay": 1e-4,
  }
  config.training.update(num_epochs=90.0, batch_size=512, log_every=100)
  if arg != "standard":
    common.adversarial(
      config,
      common.pgd(
        "linf", _EPS, num_steps=3, step_size=2 / 3, random_start=False
      ),
    )
  return common.finish(config, "smoke" if arg == "smoke" else "")
