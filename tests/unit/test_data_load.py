"""Datasets by name: the real ones, and what is said where there is none."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from robust_jax.data.images import image_shape
from robust_jax.data.load import load
from robust_jax.data.prepare import prepare

needs_mnist = pytest.mark.skipif(
  not (Path(os.environ.get("ROBUST_JAX_DATA", "-")) / "tfds/mnist").exists(),
  reason="ROBUST_JAX_DATA names no folder with tfds/mnist",
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  folder = tmp_path_factory.mktemp("tfds")
  prepare("digits", str(folder))
  return str(folder)


@needs_mnist
def test_mnist_is_the_official_one():
  train, test = load("mnist", "train"), load("mnist", "test")
  assert (len(train), len(test)) == (60_000, 10_000)
  assert image_shape(train) == image_shape(test) == (28, 28, 1)
  assert train.info == test.info
  assert train.fact("class_names") == tuple("0123456789")
  labels = test.read(np.arange(10_000))["y"]
  # The counts of 0..9 in the official test set.
  official = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
  assert np.bincount(labels).tolist() == official
  first = train.read(np.arange(10))
  # TFDS shuffles by a hash of the official position, the same everywhere.
  assert first["y"].tolist() == [4, 1, 0, 7, 8, 1, 2, 7, 1, 6]
  assert first["x"].shape == (10, 28, 28, 1)


@needs_mnist
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "mnist:3.0.1"])
def test_parts_of_a_split_are_where_they_say(name):
  whole, tail = load(name, "test"), load(name, "test[90%:]")
  assert len(tail) == 1000
  here, there = tail.read(np.arange(3)), whole.read(np.arange(9000, 9003))
  np.testing.assert_array_equal(here["x"], there["x"])
  np.testing.assert_array_equal(here["y"], there["y"])


@needs_mnist
def test_a_given_folder_goes_before_the_shared_one(tmp_path):
  with pytest.raises(ValueError, match="not prepared in " + str(tmp_path)):
    load("mnist", "test", str(tmp_path))


def test_splits_add_up(data_dir):
  assert len(load("digits", "train+test", data_dir)) == 1797


@pytest.mark.parametrize(
  ("name", "message"),
  [
    ("mnst", "no dataset 'mnst'; did you mean 'mnist'"),
    ("digit", "did you mean 'digits'"),
    # Modules beside the builders are none.
    ("loader", "no dataset 'loader'"),
    ("qqqqqq", "all names are at https://www.tensorflow.org/datasets"),
    ("mnist:9.9.9", "no dataset 'mnist:9.9.9'.*only: 3.0.1"),
    ("cifar10_corrupted/rain", "expected NAME, NAME/CONFIG or NAME:VERSION"),
    ("", "no dataset ''"),
    ("tf_flowers", r"shape \(None, None, 3\): expected images of one fixed"),
    ("dsprites", "expected an image and a label"),
    ("imdb_reviews", "holds text in text: .* needs a tokenizer"),
    ("voc", "holds boxes in objects/bbox: .* padding to one number of boxes"),
    ("lfw", r"has the shape \(\): expected images"),
  ],
)
def test_a_name_that_cannot_be_loaded_is_answered(name, message, data_dir):
  with pytest.raises(ValueError, match=message):
    load(name, "train", data_dir)


def test_what_is_not_prepared_names_the_command(data_dir):
  # Where TFDS looks by itself depends on the machine, so the folder is given.
  command = f"run `TFDS_DATA_DIR={data_dir} ./launch.sh data cifar10`"
  with pytest.raises(ValueError, match=command):
    load("cifar10", "test", data_dir)


@pytest.mark.parametrize("split", ["validation", "train[90%", ""])
def test_an_unknown_split_names_the_known_ones(split, data_dir):
  with pytest.raises(ValueError, match=r"expected one of \['train', 'test'\]"):
    load("digits", split, data_dir)


def test_an_empty_split_is_refused(data_dir):
  with pytest.raises(ValueError, match=r"split 'train\[:0\]' .* is empty"):
    load("digits", "train[:0]", data_dir)


def test_a_form_that_only_tensorflow_reads_is_refused(data_dir, tmp_path):
  shutil.copytree(data_dir, tmp_path, dirs_exist_ok=True)
  description = tmp_path / "digits/1.1.0/dataset_info.json"
  info = json.loads(description.read_text()) | {"fileFormat": "tfrecord"}
  description.write_text(json.dumps(info))
  for use in (
    lambda: load("digits", "test", str(tmp_path)),
    lambda: prepare("digits", str(tmp_path)),
  ):
    with pytest.raises(ValueError, match="as tfrecord, which only tensorflow"):
      use()
