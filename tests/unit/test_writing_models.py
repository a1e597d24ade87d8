"""Models, changes and datasets that write into the arrays they are given."""

import inspect

import jax
import numpy as np
import PIL.Image
import pytest

from experiments.compare.open_data import open_images
from experiments.compare.run import compare
from robust_jax import black_box, lookup
from robust_jax.comparison.extra_tests.natural_shifts import NaturalShifts
from robust_jax.comparison.extra_tests.sequences import Sequences
from robust_jax.comparison.extra_tests.system_noise import SystemNoise
from robust_jax.comparison.load_examples import load_examples
from robust_jax.comparison.model import ComparedModel
from robust_jax.comparison.predictors.predict import predict_batches
from robust_jax.comparison.sequence_predictions import (
  sequence_predictions,
)
from robust_jax.data.readers.reader import Sample

DIGITS = tuple(map(str, range(10)))
RNG = np.random.default_rng(0)


def reads(images):
  """Classes, from the mean of an image."""
  return np.array([int(image.mean()) // 26 for image in images])


def writes(images):
  """The same; then it paints its images black and empties its list."""
  answer = reads(images)
  for image in images:
    image[:] = 0
  if isinstance(images, list):
    images.clear()
  return answer


def overturns(images, level):
  """A change that writes into what it is given."""
  images[:] = 255 - images
  return images


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Ten images of 12 x 12 pixels, and as many of MNIST-C."""
  root = tmp_path_factory.mktemp("images")
  images = RNG.integers(0, 60, (10, 12, 12), np.uint8)
  images += 20 * np.arange(10, dtype=np.uint8)[:, None, None]
  for label, image in enumerate(images):
    (root / "files" / f"{label}").mkdir(parents=True)
    PIL.Image.fromarray(image).save(root / "files" / f"{label}" / "a.png")
  (root / "fog").mkdir()
  np.save(root / "fog" / "test_images.npy", images[..., None])
  np.save(root / "fog" / "test_labels.npy", np.arange(10))
  return root


def _compared(folder, out, **models):
  files = str(folder / "files")
  report = compare(
    {
      name: ComparedModel(
        name, "here", "function", name, lambda _, __, x, f=f: f(x)
      )
      for name, f in models.items()
    },
    open_images(files, size=12),
    out,
    families=["pixel_shift", f"{__name__}:overturned"],
    extra_tests=[
      NaturalShifts([f"mnist_c/fog={folder}"]),
      Sequences(["translate"]),
      SystemNoise(files, 12),
    ],
  )
  found = [report["natural_shifts"][0], report["sequences"]]
  return [
    report["models"]["reads"]["risk"],
    report["models"]["reads"]["classes"],
    *(one["models"]["reads"] for one in (*found, report["system_noise"])),
  ]


def overturned(shapes):
  """A family of one's own."""
  from robust_jax.comparison.transformation import Family, Transformation

  change = Transformation(
    "overturned", overturns, levels=(1,), labels=("all",), on_host=True
  )
  return Family("Negatives.", [change])


def test_what_a_model_is_asked_does_not_depend_on_the_others(folder, tmp_path):
  alone = _compared(folder, tmp_path / "alone", other=reads, reads=reads)
  after = _compared(folder, tmp_path / "after", other=writes, reads=reads)
  assert after == alone


@pytest.mark.parametrize("pixels", [list, np.stack])
def test_the_images_asked_about_stay_as_they_are(pixels):
  images = pixels([np.full((4, 4, 1), level, np.uint8) for level in (9, 200)])
  before = np.array(images)
  assert predict_batches(writes, images, 10, batch_size=1).tolist() == [0, 7]
  np.testing.assert_array_equal(images, before)


def test_frames_of_a_sequence_are_those_of_the_images():
  images = RNG.integers(0, 255, (3, 8, 8, 1), np.uint8)
  expected = sequence_predictions(reads, images, "translate", 10)
  found = sequence_predictions(writes, images, "translate", 10)
  np.testing.assert_array_equal(found, expected)


def test_a_model_may_use_its_answer_again():
  mine = np.zeros(1, int)

  def predict(images):
    mine[:] = reads(images)
    return mine

  images = [np.full((4, 4, 1), level, np.uint8) for level in (9, 200)]
  assert predict_batches(predict, images, 10, batch_size=1).tolist() == [0, 7]


def test_a_data_set_may_read_into_one_array():
  class Reader:
    class_names = DIGITS

    def __init__(self):
      self._image = np.zeros((4, 4, 1), np.uint8)

    def __len__(self):
      return 10

    def get(self, index):
      self._image[:] = index
      return Sample(f"{index}", self._image, index)

  (group,) = load_examples(Reader()).groups
  assert group.inputs[:, 0, 0, 0].tolist() == list(range(10))


ATTACKS = [
  name
  for name in lookup.members("black_box")
  if "max_queries" in inspect.signature(getattr(black_box, name)).parameters
]


@pytest.mark.parametrize("name", ATTACKS)
def test_a_victim_that_writes_is_attacked_like_one_that_reads(name):
  factory = lookup.find("black_box", name)
  needed = {"eps": 0.2}
  parameters = inspect.signature(factory).parameters
  options = {key: value for key, value in needed.items() if key in parameters}
  attack = factory(max_queries=60, **options)
  weights = RNG.standard_normal((6, 6, 1))
  x = RNG.uniform(0.3, 0.7, (3, 6, 6, 1)).astype(np.float32)

  def scores(images):
    height = ((images - 0.5) * weights).sum(axis=(1, 2, 3))
    return np.stack([0 * height, height], axis=1)

  def erases(images):
    answer = scores(images)
    images[:] = 0
    return answer

  labels = scores(x).argmax(axis=1)
  found = [
    attack(jax.random.key(0), victim, x, labels) for victim in (scores, erases)
  ]
  for a, b in zip(*found, strict=True):
    np.testing.assert_array_equal(a, b)
