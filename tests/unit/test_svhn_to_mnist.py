"""The config from SVHN to MNIST, on a few images of SVHN's own schema."""

import io

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from experiments import build
from experiments.configs.domain import svhn_to_mnist
from robust_jax.data.load import load
from robust_jax.data.tfds import find_builder
from robust_jax.training.dry_run import dry_run

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 32, 32, 3), np.uint8)
LABELS = np.arange(40) % 10
GRAY = RNG.integers(0, 256, (40, 28, 28, 1), np.uint8)


class _Small(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Writes as TFDS does with the stock builder, from other images."""

  VERSION = tfds.core.Version("0.0.0")  # overwritten by the stock one's
  code_path = None
  images: np.ndarray

  def _info(self):
    return tfds.core.DatasetInfo(
      builder=self,
      features=tfds.features.FeaturesDict(
        {
          "image": tfds.features.Image(shape=self.images.shape[1:]),
          "label": tfds.features.ClassLabel(num_classes=10),
        }
      ),
      supervised_keys=("image", "label"),
    )

  def _split_generators(self, dl_manager):
    return {name: self._generate_examples() for name in ("train", "test")}

  def _generate_examples(self):
    for i, (image, label) in enumerate(zip(self.images, LABELS, strict=True)):
      file = io.BytesIO()
      Image.fromarray(image.squeeze()).save(file, "PNG")
      file.seek(0)
      yield i, {"image": file, "label": int(label)}


def _prepare(name, images, folder):
  stock = find_builder(name, folder)
  attributes = {"name": name, "VERSION": stock.version, "images": images}
  small = type(name, (_Small,), attributes, skip_registration=True)
  small(data_dir=folder).download_and_prepare(file_format="array_record")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = str(tmp_path_factory.mktemp("tfds"))
  _prepare("svhn_cropped", IMAGES, folder)
  _prepare("mnist", GRAY, folder)
  return folder


def test_the_stock_builder_reads_the_small_set(folder):
  read = load("svhn_cropped", "train", folder).read(np.arange(40))
  # TFDS shuffles what it writes.
  order = [(image == IMAGES).all((1, 2, 3)).argmax() for image in read["x"]]
  assert sorted(order) == list(range(40))
  np.testing.assert_array_equal(read["y"], LABELS[order])


def test_the_config_fits_the_data(folder):
  config = svhn_to_mnist.get_config()
  with config.unlocked():
    config.data.data_dir = folder
  config.training.update(num_steps=1, batch_size=8, evaluate_every_steps=1)
  dry_run(*build.experiment(config))
