"""Judging of a GAN: training, its best checkpoint, and its report."""

import json

import jax.numpy as jnp
import matplotlib.image
import numpy as np
import pytest

from experiments import feature_extractor
from experiments.configs.gan import gaussian_ring, mnist_dcgan
from experiments.load_run import load_run
from experiments.train import make_report, train
from robust_jax import fingerprint
from robust_jax.training import log
from tests.unit.command_line import command_line


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """The work directory of a GAN, trained and judged by the smoke config."""
  path = tmp_path_factory.mktemp("judged") / "run"
  config = mnist_dcgan.get_config("smoke")
  del config.pictures
  train(config, path)
  return path


def report_of(path):
  return json.loads((path / "report.json").read_text("utf-8"))


def test_a_report_says_what_its_numbers_are_numbers_of(run):
  report = report_of(run)
  assert report["num_examples"] == 16
  assert report["quantization"] == "8 bits"
  assert report["test"] == "digits 'test[:16]'"
  assert "independent_classifier, step 2" in report["extractor"]["name"]
  classifier = load_run(run / "independent_classifier")
  origin = json.loads((run / "origin.json").read_text("utf-8"))
  assert report["extractor"]["digest"] == origin["the feature extractor"]
  assert (
    fingerprint.of_arrays(classifier.variables)
    == origin["the feature extractor"]
  )
  page = (run / "report.md").read_text("utf-8")
  assert report["extractor"]["digest"] in page
  assert "16 examples are too few for 100 features" in page
  for line in ("Frechet distance", "kernel distance", "recall", "classes"):
    assert f"| {line}" in page


def test_every_number_has_an_interval_and_a_floor(run):
  report = report_of(run)
  for name, value in report["generated"].items():
    if name != "num_covered":
      assert value["low"] <= value["value"] <= value["high"]
    assert name == "nearer_to_train" or name in report["floor"]
  assert 0 <= report["memorization"]["p_value"] <= 1
  assert report["floor"]["total_variation"]["value"] < 0.5


def test_the_pictures_show_samples_and_neighbors(run):
  grid = matplotlib.image.imread(run / "samples.png")
  assert grid.shape[:2] == (38, 38)  # four times 8 pixels, and three gaps
  assert (run / "neighbors.png").stat().st_size > 5000


def test_the_best_checkpoint_is_that_of_the_shortest_distance(run):
  found = [r for r in log.read(run) if r["split"] == "validation"]
  for record in found:
    assert {"frechet_distance", "spread", "class_entropy"} <= set(record)
  checkpoints = load_run(run, "best").checkpoints
  best = min(checkpoints, key=lambda s: checkpoints[s]["frechet_distance"])
  assert load_run(run, "best").step == best


def test_evaluate_makes_the_report_again_of_fewer_samples(run, capsys):
  before = report_of(run)
  status = command_line("evaluate", f"--workdir={run}", "--num_examples=8")
  assert status == 0
  assert "8 samples beside 8 of digits" in capsys.readouterr().out
  assert report_of(run)["num_examples"] == 8
  assert report_of(run)["extractor"] == before["extractor"]


def test_features_are_stored_and_those_of_another_extractor_are_refused(
  run, tmp_path
):
  config = load_run(run).config
  file = tmp_path / "features.npz"
  with config.unlocked():
    config.evaluation.reference_features = str(file)
  first = make_report(run, config)
  again = make_report(run, config)
  assert first["generated"] == again["generated"]
  with np.load(file) as kept:
    assert kept["train_features"].shape == (32, 100)
  config.evaluation.features = f"{__name__}:mean_and_spread"
  with pytest.raises(ValueError, match=r"features\.npz.*feature extractor dif"):
    make_report(run, config)
  config.evaluation.reference_features = ""
  report = make_report(run, config)
  assert report["extractor"]["name"] == f"{__name__}:mean_and_spread"
  assert report["num_features"] == 2


def mean_and_spread(x):
  """A feature extractor of the user's."""
  return jnp.stack([x.mean((1, 2, 3)), x.std((1, 2, 3))], axis=1)


def test_what_cannot_be_judged_is_refused_in_one_line(run):
  config = load_run(run).config
  with pytest.raises(ValueError, match=r"1 real and 1 generated.*expected 6"):
    make_report(run, config, 1)
  classifier = run / "independent_classifier"
  with pytest.raises(ValueError, match="'supervised', which deploys no genera"):
    make_report(classifier, config)
  with pytest.raises(
    ValueError, match=r"images of shape \(8, 8, 1\), and .* \(28, 28, 1\)"
  ):
    feature_extractor._split(load_run(classifier), (28, 28, 1), stacked=False)


def test_of_points_the_coordinates_are_compared(tmp_path):
  """Features are named as what they are, and there is a scatter plot."""
  train(gaussian_ring.get_config("smoke"), tmp_path / "ring")
  report = report_of(tmp_path / "ring")
  assert report["extractor"]["name"] == "coordinates (no feature extractor)"
  assert report["quantization"] == "as computed"
  assert report["num_features"] == 2
  # Before training hardly any sample is in one of the modes, which all real
  # points are: beyond four deviations are exp(-8) of them.
  assert report["generated"]["in_a_mode"]["value"] < 0.5
  assert report["floor"]["in_a_mode"]["value"] > 0.99
  assert report["floor"]["num_covered"] == 8
  assert (tmp_path / "ring" / "scatter.png").stat().st_size > 3000
