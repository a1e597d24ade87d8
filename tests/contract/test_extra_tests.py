"""Laws of every extra test of a comparison; they are discovered, not listed."""

import json
import pathlib

import numpy as np
import PIL.Image
import pytest

from robust_jax import lookup
from robust_jax.comparison.extra_tests.base import EXTRA_TESTS, Context
from robust_jax.comparison.load_examples import load_examples
from robust_jax.comparison.model import ComparedModel
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.report import html_report
from robust_jax.comparison.run_predictions import run_predictions
from robust_jax.data.builders.cifar10_15k import Cifar10_15k
from robust_jax.data.readers.image_folder import ImageFolder
from robust_jax.data.readers.resized_images import Resized
from tests.contract.samples import called

NAMES = lookup.members(EXTRA_TESTS)
TEMPLATES = pathlib.Path(html_report.__file__).parent / "templates"
SIZE = 8
each_test = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """A picture of each class of CIFAR-10, and a CIFAR-10.1 of 20 others."""
  path = tmp_path_factory.mktemp("extra_tests")
  pixels = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), np.uint8)
  names = sorted(Cifar10_15k.CLASS_NAMES)
  for name, image in zip(names, pixels, strict=False):
    (path / "pictures" / name).mkdir(parents=True)
    PIL.Image.fromarray(image).save(path / "pictures" / name / "0.png")
  np.save(path / "cifar10.1_v4_data.npy", pixels[10:])
  np.save(path / "cifar10.1_v4_labels.npy", np.arange(20) % 10)
  return path


class Comparison:
  """A comparison of models in one folder, with one extra test."""

  def __init__(self, name, folder, out, kind="function", **models):
    samples = {
      "texts": [f"cifar10_1/v4={folder}"],
      "names": ["translate"],
      "folder": folder / "pictures",
      "size": SIZE,
    }
    self.images = load_examples(Resized(ImageFolder(folder / "pictures"), SIZE))
    self.num_calls = 0
    self.test = called(lookup.find(EXTRA_TESTS, name), samples)
    self.stores = {
      key: PredictionStore(
        out, self._counted(key, kind, fn), self.images, 0, ""
      )
      for key, fn in models.items()
    }
    first = next(iter(models))
    self.context = Context(out, self.stores, self.images, first, None, 0, 0.95)

  def _counted(self, key, kind, fn):
    def predict(case, ids, images):
      del case, ids
      self.num_calls += 1
      return fn(np.stack(images))

    return ComparedModel(key, "here", kind, key, predict)

  def report(self, interrupted=lambda: False):
    """Evaluates what is not stored; the report, or None if interrupted."""
    run_predictions(
      list(self.stores.values()), self.images, (), 0, id, lambda: False
    )
    run = self.test.start(self.context)
    assert len(set(run.steps)) == len(run.steps) > 0
    before = self.num_calls
    for step in run.steps:
      if not run.is_done(step) and not run.run(step, interrupted):
        return None
    self.num_calls -= before
    assert all(map(run.is_done, run.steps))
    return run.report()


def parts(found):
  """The datasets of a report, or the one that all of it is about."""
  return found if isinstance(found, list) else [found]


def red(images):
  """Scores that small changes of an image change."""
  sums = images[..., 0].astype(int).sum(axis=(1, 2))
  return np.eye(10)[sums % 10]


def constant(images):
  return np.eye(10)[np.zeros(len(images), int)]


@each_test
def test_its_name_is_that_of_its_module_and_template(name):
  factory = lookup.find(EXTRA_TESTS, name)
  assert factory.name == name == factory.__module__.rpartition(".")[2]
  assert not factory.empty
  assert (TEMPLATES / "extra_tests" / f"{name}.html").exists()


@each_test
def test_a_report_is_plain_and_predictions_are_made_once(
  name, folder, tmp_path
):
  one = Comparison(name, folder, tmp_path, red=red, constant=constant)
  found = one.report()
  assert found == json.loads(json.dumps(found)) != one.test.empty
  assert one.test.table(found).row_count > 0
  assert one.num_calls > 0
  again = Comparison(name, folder, tmp_path, red=red, constant=constant)
  assert again.report() == found
  assert again.num_calls == 0


@each_test
def test_a_report_is_about_the_predictions(name, folder, tmp_path):
  one = Comparison(name, folder, tmp_path, red=red, constant=constant)
  for part in parts(one.report()):
    assert part["models"]["red"] != part["models"]["constant"]


@each_test
def test_an_interrupted_run_goes_on(name, folder, tmp_path):
  whole = Comparison(name, folder, tmp_path / "whole", red=red).report()
  one = Comparison(name, folder, tmp_path, red=red)
  assert one.report(interrupted=lambda: True) is None
  assert Comparison(name, folder, tmp_path, red=red).report() == whole


@each_test
def test_a_model_does_not_differ_from_itself(name, folder, tmp_path):
  one = Comparison(name, folder, tmp_path, a=red, b=red, constant=constant)
  found = one.report()
  pairs = [
    pair
    for part in parts(found)
    for pair in part["comparisons"]
    if {pair["a"], pair["b"]} == {"a", "b"}
  ]
  assert pairs
  assert all(pair["difference"]["value"] == 0 for pair in pairs)
  assert not any("better" in pair["verdict"] for pair in pairs)


@each_test
def test_stored_outputs_are_refused(name, folder, tmp_path):
  one = Comparison(name, folder, tmp_path, "stored outputs", stored=red)
  with pytest.raises(ValueError, match="'stored' has stored outputs only"):
    one.test.start(one.context)
