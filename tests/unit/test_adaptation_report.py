"""The report of a domain adaptation, on a short run of its own."""

import ast
import json

import jax
import numpy as np
import pytest

from experiments import build
from experiments.configs.domain import digits_dann
from experiments.examples import Examples
from experiments.load_run import load_run
from experiments.reports.adaptation_report import adaptation_report
from experiments.studies.label_shift import label_shift, main
from experiments.train import train
from robust_jax.models.dann.dann_mnist import DannMnist
from robust_jax.models.inference import inference_fn
from robust_jax.tasks._two_domains import adapted_model
from robust_jax.training.checkpoint import Checkpoints
from robust_jax.training.monitor import Monitor


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """Both domains are digits: an easy one, and nothing to weigh."""
  source = {
    "train": "train[:40%]",
    "validation": "train[40%:60%]",
    "test": "test[180:]",
  }
  target = {
    "train": "train[60%:]",
    "validation": "test[:180]",
    "test": "test[180:]",
  }
  config = digits_dann.get_config("source_only")
  with config.unlocked():
    del config.report
    config.data = {
      "kind": "domains",
      "sources": {"digits": source},
      "target": {"name": "digits", **target},
    }
    config.model = {"name": "small_cnn"}
    config.optimizer = {"name": "adam", "learning_rate": 3e-3}
    config.training.update(num_steps=120, evaluate_every_steps=60)
  path = tmp_path_factory.mktemp("run")
  train(config, path)
  return path, config


@pytest.fixture(scope="module")
def report(run):
  return adaptation_report(*run, num_examples=80)


def test_every_rule_stands_beside_the_oracle(report):
  (model,) = report["models"].values()
  scores = {row["step"]: row for row in model["checkpoints"]}
  assert set(scores) == {60, 120}
  assert model["chosen"]["last step"] == 120
  for rule, name in (
    ("by information", "information"),
    ("by reverse validation", "reverse_validation"),
    ("oracle", "target_accuracy"),
  ):
    best = scores[model["chosen"][rule]][name]
    assert best == max(row[name] for row in scores.values())
  assert set(model["target_accuracy"]) == set(model["chosen"])


def test_accuracies_are_of_the_test_parts(run, report):
  path, config = run
  target = build.domains(config, "test")[1]
  test = target.read(np.arange(80))
  network = load_run(path, "last").deployed
  answers = network(test["x"] / np.float32(255)).argmax(-1)
  (model,) = report["models"].values()
  expected = np.mean(answers == test["y"])
  assert model["target_accuracy"]["last step"] == pytest.approx(expected)
  assert report["num_tested"] == {"source": 80, "target": 80}
  assert report["num_probed"] == {"source": 80, "target": 80}


def test_one_distribution_has_no_distance(report):
  (model,) = report["models"].values()
  # Half of 80 of each are held out, on which guessing errs by 0.5 +- 0.06:
  # four deviations are 4 x 0.06 x 4, and two domains apart would have 2.
  assert model["a_distance"] < 1.0
  assert model["domain_loss"] is None


def test_files_are_left(run, report):
  path, _ = run
  written = json.loads((path / "report.json").read_text())
  assert written["models"] == report["models"]
  assert written["config"]["task"]["name"] == "domain"
  for picture in ("domain_curves", "features"):
    assert (path / f"{picture}.png").stat().st_size > 5000


def test_a_run_without_an_evaluation_is_refused(run, tmp_path):
  path, config = run
  (tmp_path / "config.json").write_text((path / "config.json").read_text())
  with pytest.raises(ValueError, match="there is no checkpoint in"):
    adaptation_report(tmp_path, config)
  checkpoints = Checkpoints(tmp_path / "checkpoints", 1, Monitor("x"))
  checkpoints.save(load_run(path).state, {})
  checkpoints.close()
  with pytest.raises(ValueError, match="has no evaluated checkpoint"):
    adaptation_report(tmp_path, config)


def test_each_domain_is_answered_by_its_own_statistics():
  model = DannMnist(num_classes=3, batch_norm="per_device")
  x = jax.random.uniform(jax.random.key(0), (2, 4, 4, 1))
  variables = model.init(jax.random.key(1), x)
  params, ours = variables["params"], {"batch_stats": variables["batch_stats"]}
  theirs = jax.tree.map(lambda leaf: leaf + 0.5, ours)
  network = adapted_model(
    model, "separate", params, {"source": ours, "target": theirs}
  )
  for part, state in ((network.source, ours), (network.target, theirs)):
    expected = inference_fn(model, {"params": params, **state})(x)
    np.testing.assert_allclose(part(x), expected, rtol=1e-6)
  np.testing.assert_array_equal(network(x), network.target(x))
  assert not np.allclose(network.source(x), network(x), atol=1e-3)


def test_a_skew_of_the_target_is_found(run):
  """By a real classifier; classes 0 to 4 are four times as frequent."""
  path, config = run
  target = build.domains(config, "train")[1]
  batch = target.read(np.arange(len(target)))
  x, y = batch["x"] / np.float32(255), batch["y"]
  skewed = (y < 5) | (np.arange(len(y)) % 4 == 0)
  held_out = build.domains(config, "validation")[0][0]
  source = held_out.read(np.arange(len(held_out)))
  shift = label_shift(
    load_run(path, "last").deployed,
    Examples(source["x"] / np.float32(255), source["y"]),
    x[skewed],
  )
  true = np.bincount(y[skewed], minlength=10) / skewed.sum()
  # Unweighted proportions are wrong by 0.06 and more for each class.
  np.testing.assert_allclose(shift.target, true, atol=0.03)


def test_the_flag_is_one_weight_per_class(run, capsys):
  path, _ = run
  assert main([f"--workdir={path}"]) == 0
  flag = capsys.readouterr().out.strip().splitlines()[-1]
  name, value = flag.split("=")
  assert name == "--config.task.class_weights"
  weights = ast.literal_eval(value.strip("'"))
  assert len(weights) == 10
  # There is no skew; a class has some 29 held-out examples.
  assert 0.5 < min(weights) <= max(weights) < 2
