"""Attacks on detectors side by side: laws of the measures, and the command."""

import csv
import hashlib
import itertools
import pathlib
import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.configs.detection import hard_hats
from experiments.detectors.attacked_detector import AttackedDetector
from experiments.detectors.changes import detector_changes
from experiments.studies import detector_attacks
from experiments.train import train
from robust_jax import cells, evaluators, metrics
from robust_jax.comparison.predictors.detector_predictor import (
  detector_predictor,
)
from robust_jax.comparison.predictors.jax_predictor import jax_detector
from robust_jax.comparison.predictors.pack_detections import unpack
from robust_jax.data.dataset import from_arrays
from robust_jax.data.images import decode_images
from robust_jax.models.inference import inference_fn
from robust_jax.statistics.detection.changed_detections import (
  CHANGES,
  changed_detections,
)

SIDE, HALF, CLASSES = 32, 6, ("red", "green")
EPS = 0.3
MODULE = "tests.unit.test_detector_attacks"


class ColorDetector(nn.Module):
  """Finds squares of 12 pixels by the mean color of the pixels around."""

  num_classes: int = 2

  @nn.compact
  def __call__(self, x, *, train=False):
    del train
    gain = self.param("gain", nn.initializers.constant(10.0), ())
    around = ((4, 4), (4, 4))
    color = nn.avg_pool(x, (2 * HALF, 2 * HALF), (4, 4), padding=around)
    weights = jnp.array([[1.0, -0.7], [-0.7, 1.0], [-0.3, -0.3]])
    heatmap = color @ (gain * weights) - 4
    middle = cells.points(*heatmap.shape[1:3])
    boxes = jnp.concatenate([middle - HALF, middle + HALF], axis=-1)
    shape = (*heatmap.shape[:3], 4)
    return {"heatmap": heatmap, "boxes": jnp.broadcast_to(boxes, shape)}


def squares(num_examples, seed=0):
  """Up to four squares, pale or bright; a fifth is gray, as what is around."""
  rng = np.random.default_rng(seed)
  x = rng.integers(120, 136, (num_examples, SIDE, SIDE, 3)).astype(np.uint8)
  y = {
    "boxes": np.zeros((num_examples, 4, 4), np.float32),
    "classes": np.zeros((num_examples, 4), np.int32),
    "present": np.zeros((num_examples, 4), np.float32),
  }
  places = list(itertools.product((6, 26), repeat=2))
  for row, (slot, (i, j)) in itertools.product(
    range(num_examples), enumerate(places)
  ):
    if rng.random() < 0.7:
      class_ = rng.integers(2)
      contrast = rng.integers(40, 115) * (rng.random() < 0.8)
      part = x[row, i - HALF : i + HALF, j - HALF : j + HALF]
      part[..., class_] += np.uint8(contrast)
      part[..., 1 - class_] -= np.uint8(contrast)
      y["boxes"][row, slot] = [j - HALF, i - HALF, j + HALF, i + HALF]
      y["classes"][row, slot] = class_
      y["present"][row, slot] = 1
  info = {"num_classes": 2, "class_names": CLASSES}
  info["image_shape"] = x.shape[1:]
  return from_arrays("squares", {"x": x, "y": y}, decode_images, info)


VARIABLES = {"params": {"gain": jnp.float32(10)}}


def detector(folder):
  return AttackedDetector(
    name="color",
    model=inference_fn(ColorDetector(), VARIABLES),
    digest="10",
    train=squares(16, seed=1),
    test=squares(10),
    num_train=16,
    num_examples=10,
    batch_size=8,
    folder=folder,
    key=jax.random.key(0),
  )


def changes(threshold, eps=EPS):
  return detector_changes(
    threshold,
    eps=eps,
    num_steps=4,
    diameter=0.5,
    num_epochs=4,
    batch_size=8,
    num_train=16,
  )


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
  return detector(tmp_path_factory.mktemp("attacked"))


@pytest.fixture(scope="module")
def measured(attacked):
  """Name of the change -> what is measured under it."""
  made = changes(attacked.clean.point.threshold)
  return {
    name: attacked.clean.under(attacked.detections(name, change)[0])
    for name, change in made.items()
  }


def test_without_an_attack_it_is_what_compare_and_the_evaluator_measure(
  attacked,
):
  clean = attacked.clean
  assert 30 < clean.precision()["ap"]["value"] < 90
  stored = attacked.test.read(np.arange(10))
  predict = detector_predictor(jax_detector(attacked.model), CLASSES)
  found = unpack(predict(list(stored["x"])))
  again = type(clean)(clean.truth, found, 2)
  assert again.precision() == clean.precision()
  assert again.point.threshold == pytest.approx(clean.point.threshold, abs=1e-6)

  evaluator = evaluators.detection()
  batch = attacked.test.decode(jax.tree.map(jnp.asarray, stored))
  batch |= {"mask": jnp.ones(10)}
  result = jax.jit(evaluator.measure)(attacked.model, batch, jax.random.key(0))
  ap50 = 100 * evaluator.summarize(metrics.result(result))["ap50"]
  assert ap50 == pytest.approx(clean.precision()["ap50"]["value"], abs=1)


def test_each_attack_does_what_it_is_for(measured):
  value = lambda name, what: measured[name][what]["value"]
  noise, other_noise = "random_noise", "noise_patch"
  for name in ("tog_untargeted", "tog_vanish", "universal"):
    assert value(name, "risk") > value(noise, "risk") + 10
  assert value("tog_untargeted", "ap50") < value(noise, "ap50") - 10
  assert value("patch", "ap") < value(other_noise, "ap")
  assert value("tog_vanish", "risk") > 90
  assert value("tog_vanish", "vanished") > value(noise, "vanished") + 0.5
  assert value("tog_fabricate", "fabricated") > value(noise, "fabricated") + 0.5
  # With two classes, both are the other one.
  assert value("tog_most_likely", "risk") > 60
  assert measured["tog_most_likely"] == measured["tog_least_likely"]


def test_the_variables_of_the_detector_stay_what_they_are(attacked, measured):
  del measured
  (left,) = jax.tree.leaves(attacked.model)
  assert np.asarray(left).tobytes() == np.float32(10).tobytes()


def test_a_radius_of_zero_changes_nothing(tmp_path):
  attacked = detector(tmp_path)
  clean = attacked.clean
  made = changes(clean.point.threshold, eps=0.0)
  for name in ("random_noise", "tog_untargeted"):
    found, _ = attacked.detections(name, made[name])
    under = clean.under(found)
    assert {k: under[k] for k in ("ap", "ap50")} == clean.precision()
    for what in ("risk", "vanished", "mislabeled", "fabricated"):
      assert under[what]["value"] == 0


def test_results_of_another_radius_are_refused(attacked, measured):
  del measured
  other = changes(attacked.clean.point.threshold, eps=0.1)
  for name in ("tog_vanish", "universal"):
    with pytest.raises(ValueError, match="another run: settings"):
      attacked.detections(name, other[name])


def _boxes(*corners):
  corners = np.array(corners, float).reshape(-1, 2)
  return np.concatenate([corners, corners + 10], axis=1)


@pytest.mark.parametrize(
  "changed", [changed_detections, jax.jit(changed_detections)]
)
def test_detections_vanish_are_mislabeled_and_fabricated(changed):
  """Of five: kept, another class, too far away, below the threshold, gone."""
  before = {
    "boxes": _boxes((0, 0), (20, 0), (40, 0), (60, 0), (80, 0)),
    "classes": np.array([0, 1, 0, 1, 0]),
    "present": np.ones(5),
  }
  after = {
    "boxes": _boxes((1, 1), (20, 0), (47, 0), (60, 0)),
    "classes": np.array([0, 0, 0, 1]),
    "present": np.array([1, 1, 1, 0]),
  }
  forth = changed(before, after)
  assert [int(forth[name]) for name in CHANGES] == [3, 1, 1]
  # What vanishes on the way there is fabricated on the way back.
  back = changed(after, before)
  assert [int(back[name]) for name in CHANGES] == [1, 1, 3]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A run of one step, in which nothing is learned."""
  config = hard_hats.get_config("smoke")
  config.data.name = f"{MODULE}:squares"
  config.model = {"name": f"{MODULE}:ColorDetector"}
  config.augment_batch = ()
  config.training.num_epochs = 0.5
  config.optimizer.learning_rate = 0.0
  path = tmp_path_factory.mktemp("run")
  assert train(config, path).status == "finished"
  return path


def _command(run, out, *flags):
  status = detector_attacks.main(
    [
      "--models",
      f"color={run}",
      f"--out={out}",
      f"--allow_imports={MODULE}",
      "--num_examples=6",
      "--num_steps=1",
      "--num_train=8",
      "--num_epochs=1",
      *flags,
    ]
  )
  with (out / "detector_attacks.csv").open(encoding="utf-8") as file:
    return status, list(csv.DictReader(file))


def _digests(folder: pathlib.Path):
  return {
    path: hashlib.sha256(path.read_bytes()).hexdigest()
    for path in sorted(folder.rglob("*"))
    if path.is_file()
  }


def test_the_command_continues_and_leaves_the_run_alone(run, tmp_path):
  before = _digests(run)
  status, rows = _command(run, tmp_path, "--attacks=random_noise")
  assert status == 0
  assert [row["attack"] for row in rows] == ["none", "random_noise"]
  times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
  status, more = _command(run, tmp_path, "--attacks=random_noise,patch")
  assert status == 0
  assert more[:2] == rows
  assert more[2]["attack"] == "patch"
  assert float(more[2]["risk_low"]) <= float(more[2]["risk"])
  assert {path: path.stat().st_mtime_ns for path in times} == times
  for picture in ("attacked.png", "patch.png"):
    assert (tmp_path / "color" / picture).stat().st_size > 3000
  table = (tmp_path / "detector_attacks.md").read_text(encoding="utf-8")
  assert re.search(r"\| color \| patch \| \d", table)
  assert _digests(run) == before


def test_what_is_no_detector_is_refused(run, tmp_path):
  with pytest.raises(ValueError, match="there are no models"):
    detector_attacks.main([f"--out={tmp_path}"])
  with pytest.raises(ValueError, match="tog_vanishing"):
    _command(run, tmp_path, "--attacks=tog_vanishing")
