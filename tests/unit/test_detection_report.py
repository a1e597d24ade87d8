"""The report of a detector: attacks, a perturbation and a patch it learned."""

import json

import PIL.Image
import pytest

from experiments.configs.detection import hard_hats
from experiments.reports.detection_report import detection_report
from experiments.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A short run on painted rectangles, with a report of few steps."""
  full, config = hard_hats.get_config(), hard_hats.get_config("smoke")
  evaluation = full.evaluation
  with config.unlocked():
    del config.report
    config.model = {"name": "tests.unit.tiny_detector:TinyDetector"}
    config.evaluation.universal = evaluation.universal
    config.evaluation.patch = evaluation.patch
  for split in ("train", "validation", "test"):
    config.data[split].size = 32
  config.data.train.num_examples = 64
  config.optimizer.learning_rate = 1e-2
  config.training.update(num_epochs=30.0, evaluate_every_epochs=30.0)
  # Far outside of the ball of the config, so that little training will do.
  config.evaluation.attacks.vanish = {
    "name": "detection.tog",
    "goal": "vanish",
    "eps": 0.3,
    "num_steps": 5,
  }
  config.evaluation.universal.update(num_examples=32, num_epochs=2)
  config.evaluation.universal.set.eps = 0.3
  config.evaluation.patch.update(num_steps=10, resolution=8)
  path = tmp_path_factory.mktemp("run")
  train(config, path)
  return path, config


def test_attacks_and_what_was_learned_are_measured_beside_other_runs(
  run, capsys
):
  path, config = run
  config.evaluation.beside = {"again": str(path)}
  report = detection_report(path, config, num_examples=8)
  assert json.loads((path / "report.json").read_text()) == report
  own, again = report["runs"]["run"], report["runs"]["again"]
  assert own == again
  assert own["ap50"] > 0.5
  assert own["universal_detections"] < own["detections"]
  assert own["vanish_ap50"] < own["ap50"]
  for attack in ("vanish", "universal", "patch"):
    assert 0 <= own[f"{attack}_vanished"] <= own["detections"]
  assert 0 < own["threshold"] < 1
  printed = capsys.readouterr().out
  for word in ("8 images", "AP50", "fabricated", "universal", "patch", "again"):
    assert word in printed
  with PIL.Image.open(path / "patch.png") as picture:
    assert picture.size == (3 * 32 + 2 * 2, 2 * 32 + 2)
