"""pix2pix from label maps to streets, CamVid at 128x128 pixels.

Paper: Isola et al. 2017, "Image-to-image translation with conditional
adversarial networks", on Cityscapes at 256 pixels, batches of 1; here patches
of 34 pixels and narrow networks, for two CPU cores. Published there for the
accuracy of a segmenter of real streets on generated ones: 0.42 with the
distance alone, 0.57 with the discriminator alone, 0.66 with both, and 0.80 on
real ones. Distances are in [0, 1], so that a weight of 200 is that of the
paper.

The segmenter is trained first. Its classes are weighted by the root of their
inverse frequency, relative to the median.

Arguments: none; "l1", without discriminator; "gan", without distance.

Command:
  ./launch.sh train --config=experiments/configs/pix2pix/camvid.py
  ./launch.sh train --config=experiments/configs/pix2pix/camvid.py:l1
  ./launch.sh train --config=experiments/configs/pix2pix/camvid.py:gan
  ./launch.sh evaluate --config=experiments/configs/pix2pix/camvid.py \\
    --config.evaluation.beside.l1=runs/camvid_l1 \\
    --config.evaluation.beside.gan=runs/camvid_gan
"""

from experiments.configs import translation

_CLASS_WEIGHTS = (
  *(0.5, 0.4, 2.1, 0.4, 1.0),  # sky, building, pole, road, pavement
  *(0.7, 2.0, 2.0, 0.9, 2.7, 3.9),  # tree, sign, fence, car, walker, cyclist
)


def get_config(arg=""):
  config = translation.pix2pix(
    {
      "name": "label_maps",
      "dataset": "camvid",
      "train": {"part": "train"},
      "validation": {"part": "validation"},
      "test": {"part": "test"},
    }
  )
  config.models.generator.widths = (16, 32, 64, 96, 96)
  config.models.discriminator.widths = (16, 32, 64)
  config.augment = {"name": "flip"}
  config.training.update(
    num_epochs=30.0, batch_size=4, evaluate_every_epochs=10.0
  )
  config.evaluation.batch_size = 16
  translation.add_reader(
    config,
    {"name": "unet_segmenter", "widths": (16, 32, 64, 64)},
    monitor="mean_iou",
    class_weights=_CLASS_WEIGHTS,
    num_epochs=30.0,
    batch_size=8,
    evaluate_every_epochs=5.0,
  )
  return translation.finish(config, arg, "camvid")
