"""pix2pix from the edges of clothes to clothes, Fashion-MNIST at 32x32 pixels.

Paper: Isola et al. 2017, "Image-to-image translation with conditional
adversarial networks", on photographs of shoes and bags; here with Canny's
edges, patches of 16 pixels, and images with a border of two black pixels.
Distances are in [0, 1], so that a weight of 200 is that of the paper. A
classifier of real clothes, trained first, says whether clothes are recognized.

Arguments: none; "l1", without discriminator; "gan", without distance.

Command:
  ./launch.sh train --config=experiments/configs/pix2pix/edges2fashion.py
  ./launch.sh train --config=experiments/configs/pix2pix/edges2fashion.py:l1
  ./launch.sh train --config=experiments/configs/pix2pix/edges2fashion.py:gan
  ./launch.sh evaluate --config=experiments/configs/pix2pix/edges2fashion.py \\
    --config.evaluation.beside.l1=runs/edges2fashion_l1 \\
    --config.evaluation.beside.gan=runs/edges2fashion_gan
"""

from experiments.configs import translation


def get_config(arg=""):
  config = translation.pix2pix(
    {
      "name": "derived",
      "dataset": "fashion_mnist",
      "input": "edges",
      "padding": 2,
      "train": {"part": "train[:98%]"},
      "validation": {"part": "train[98%:]"},
      "test": {"part": "test"},
    }
  )
  config.models.generator.widths = (24, 48, 96, 96)
  config.models.discriminator.widths = (32, 64)
  translation.add_reader(
    config,
    {"name": "small_cnn", "batch_norm": "per_device"},
    monitor="accuracy",
    num_epochs=4.0,
    batch_size=128,
    evaluate_every_epochs=1.0,
  )
  return translation.finish(config, arg, "edges2fashion")
