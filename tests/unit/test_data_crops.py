"""Crops of images of any size, on the host."""

import jax
import numpy as np
import PIL.Image
import pytest

from robust_jax.data import load as load_module
from robust_jax.data.crops import (
  central_box,
  crop_picture,
  cropped_dataset,
  random_box,
)
from robust_jax.data.images import image_shape
from robust_jax.data.load import load
from robust_jax.data.loader import evaluation_loader, training_loader
from tests.unit.photos import Photos, jpeg, pictures

SIZE = 16
BATCH_SIZE = 4


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
  made = Photos(data_dir=tmp_path_factory.mktemp("tfds"))
  made.download_and_prepare(file_format="array_record")
  return made


@pytest.fixture
def photos(builder, monkeypatch):
  """Loads a split of the dataset, which has no name that TFDS knows."""
  found = lambda name, data_dir: builder
  monkeypatch.setattr(load_module, "find_builder", found)
  return lambda split, size=SIZE: load("photos", split, size=size)


def batches(dataset, start, num_steps):
  loader = training_loader(dataset, BATCH_SIZE, seed=0)
  stream = loader.indices(start)
  return [next(stream) for _ in range(num_steps)]


def test_a_dataset_like_imagenet_is_cropped_to_one_size(photos):
  train, test = photos("train"), photos("validation")
  assert (len(train), len(test)) == (12, 5)
  assert image_shape(train) == (SIZE, SIZE, 3)
  assert train.fact("num_classes") == 3
  (batch,) = evaluation_loader(test, 8).indices(0)
  assert "index" in batch  # the small set lies on the devices
  stored = test.read(np.arange(5))
  assert sorted(stored["y"].tolist()) == [0, 0, 1, 1, 2]
  # The blue plane says which picture it is: 0, 20, 40, ...
  numbers = np.rint(stored["x"][..., 2].mean((1, 2)) / 20).astype(int)
  assert sorted(numbers) == list(range(5))
  np.testing.assert_array_equal(numbers % 3, stored["y"])


def test_evaluation_is_the_resized_image_cropped_in_its_middle():
  image = pictures(3)[2]
  height, width = image.shape[:2]
  scale = 256 / min(height, width)
  resized = PIL.Image.fromarray(image).resize(
    (round(scale * width), round(scale * height)),
    PIL.Image.Resampling.BILINEAR,
  )
  left, top = (resized.width - 224) // 2, (resized.height - 224) // 2
  expected = np.asarray(resized.crop((left, top, left + 224, top + 224)), int)
  found = crop_picture(image, central_box, (224, 224, 3)).astype(int)
  assert abs(found - expected).max() <= 3  # at most half a pixel away


def test_training_crops_are_functions_of_seed_epoch_and_index(photos):
  whole = batches(photos("train"), 0, 7)
  later = batches(photos("train"), 5, 2)
  jax.tree.map(np.testing.assert_array_equal, whole[5:], later)
  # Images do not depend on the batch that they are read in.
  train = photos("train")
  alone = [train.read_training(np.array([i]), (0, 1))["x"][0] for i in (7, 2)]
  both = train.read_training(np.array([7, 2]), (0, 1))["x"]
  np.testing.assert_array_equal(both, alone)
  other = train.read_training(np.array([7, 2]), (0, 2))["x"]
  assert (both != other).any(axis=(1, 2, 3)).all()


def test_training_sees_each_image_once_in_an_epoch(photos):
  labels = [batch["y"] for batch in batches(photos("train"), 0, 3)]
  assert np.bincount(np.concatenate(labels)).tolist() == [4, 4, 4]


def test_random_boxes_have_the_areas_and_ratios_of_the_paper():
  rng = np.random.default_rng(0)
  boxes = np.array([random_box(rng, 400, 400) for _ in range(2000)])
  across, down = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
  assert (boxes >= 0).all()
  assert (boxes[:, 2] <= 400).all()
  assert (boxes[:, 3] <= 400).all()
  area, ratio = across * down / 400**2, across / down
  assert 0.078 < area.min() < 0.1
  assert 0.9 < area.max() <= 1
  assert 0.74 < ratio.min() < 0.76
  assert 1.31 < ratio.max() < 1.35
  assert abs(np.log(ratio).mean()) < 0.03


def test_an_image_that_no_box_fits_into_is_cropped_in_its_middle():
  box = random_box(np.random.default_rng(0), 10_000, 10)
  np.testing.assert_allclose(box, (5000 - 20 / 3, 0, 5000 + 20 / 3, 10))


def test_colors_and_gray_become_what_is_asked_for():
  gray = np.full((9, 7), 40, np.uint8)
  found = crop_picture(jpeg(gray), central_box, (4, 4, 3))
  np.testing.assert_array_equal(found, np.full((4, 4, 3), 40))
  assert crop_picture(gray[..., None], central_box, (4, 4, 1)).max() == 40


def test_what_does_not_fit_is_refused(photos):
  with pytest.raises(ValueError, match="in a config is the side of"):
    photos("train", size=None)
  with pytest.raises(ValueError, match="size = 0"):
    photos("train", size=0)
  rows = lambda indices: [(b"no picture", 0) for _ in indices]
  broken = cropped_dataset("broken", (4, 4, 3), 2, 9, rows)
  with pytest.raises(ValueError, match="image 5 of 'broken' cannot be decoded"):
    broken.read(np.array([5]))
