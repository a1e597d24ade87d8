"""The study of GANs: its table, one classifier for all, and resumption."""

import json

import pytest

from experiments.cli.parse_flags import load_config
from experiments.studies import generation
from robust_jax.training.result import TrainResult

_CONFIG = "experiments/configs/gan/gaussian_grid.py"
_SHORT = (
  f"--config={_CONFIG}",
  "--config.data.train.num_examples=64",
  "--config.data.validation.num_examples=16",
  "--config.training.batch_size=16",
  "--config.training.num_steps=2",
  "--config.training.evaluate_every_steps=2",
  "--config.evaluation.num_samples=32",
)


def run(out, *flags):
  status = generation.main([*_SHORT, f"--out={out}", *flags])
  table = (out / "generation.md").read_text("utf-8")
  result = json.loads((out / "generation.json").read_text("utf-8"))
  return status, table, result["rows"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
  out = tmp_path_factory.mktemp("study")
  return out, *run(out, "--variants=alternating,optimistic")


def test_a_line_for_each_variant_and_one_for_training_examples(study):
  out, status, table, rows = study
  assert status == 0
  assert [row["variant"] for row in rows] == ["alternating", "optimistic"]
  for row in rows:
    config = json.loads(
      (out / row["variant"] / "0" / "config.json").read_text("utf-8")
    )
    assert config["solver"]["name"] == row["variant"]
    assert config["training"]["num_steps"] == 2
    assert row["generated"]["num_covered"] <= 25
  heads = [line.split("|")[1].strip() for line in table.splitlines()]
  assert heads[2:] == ["alternating", "optimistic", "training examples"]


def test_what_is_judged_is_not_judged_again_and_more_is_added(study):
  out, _, _, before = study
  file = out / "optimistic" / "0" / "report.json"
  changed = file.stat().st_mtime_ns
  _, table, rows = run(
    out, "--variants=alternating,optimistic", "--seeds=0,1", "--max_minutes=0"
  )
  assert rows[:2] == before
  assert file.stat().st_mtime_ns == changed
  assert "0, 1 (not started)" in table


def test_all_variants_are_judged_by_one_classifier(tmp_path, monkeypatch):
  trained = []
  monkeypatch.setattr(
    generation,
    "train",
    lambda config, path, *_: (
      trained.append(path) or TrainResult("finished", 2, 2)
    ),
  )
  path = tmp_path / "independent_classifier"
  for loss in ("hinge", "minimax"):
    config = load_config(f"experiments/configs/gan/mnist_losses.py:{loss}")
    assert generation._use_one_classifier(config, path, 0.0)
    assert config.evaluation.independent_classifier == str(path)
  assert set(trained) == {path}


def test_unknown_variants_are_refused_by_name(tmp_path):
  with pytest.raises(ValueError, match=r"'optimist'.*alternating"):
    run(tmp_path, "--variants=optimist")
