"""pix2pix from gray to color, crops of BSDS500 at 64x64 pixels.

Paper: Isola et al. 2017, "Image-to-image translation with conditional
adversarial networks", on ImageNet at 256 pixels; here photographs of all kinds
at half their size, in patches of 34 pixels. Distances are in [0, 1], so that a
weight of 200 is that of the paper.

Arguments: none; "l1", without discriminator; "gan", without distance.

Command:
  ./launch.sh train --config=experiments/configs/pix2pix/bsds_color.py
  ./launch.sh train --config=experiments/configs/pix2pix/bsds_color.py:l1
  ./launch.sh evaluate --config=experiments/configs/pix2pix/bsds_color.py \\
    --config.evaluation.beside.l1=runs/bsds_color_l1
"""

from experiments.configs import translation


def get_config(arg=""):
  config = translation.pix2pix(
    {
      "name": "derived",
      "dataset": "bsds500_crops",
      "input": "gray",
      "train": {"part": "train"},
      "validation": {"part": "validation"},
      "test": {"part": "test"},
    }
  )
  config.models.generator.widths = (16, 32, 64, 96)
  config.models.discriminator.widths = (16, 32, 64)
  config.augment = {"name": "flip"}
  config.training.update(
    num_epochs=30.0, batch_size=8, evaluate_every_epochs=10.0
  )
  return translation.finish(config, arg, "bsds_color")
