"""A run opened at any of its checkpoints is the one that was trained."""

import dataclasses

import chex
import jax
import numpy as np
import pytest

from experiments import build
from experiments.build.with_overrides import with_overrides
from experiments.cli.named_models import refuse_another_model
from experiments.configs.domain import digits_dann
from experiments.load_run import load_run
from experiments.train import train
from robust_jax.training.checkpoint import Checkpoints
from robust_jax.training.monitor import Monitor


@pytest.fixture(scope="module")
def path(tmp_path_factory):
  """Two steps on two domains, a checkpoint after each."""
  config = with_overrides(
    digits_dann.get_config("smoke"), {"task": {"solver": "alternating"}}
  )
  with config.unlocked():
    del config.control, config.report
  path = tmp_path_factory.mktemp("run")
  train(config, path)
  return path


def test_each_checkpoint_is_what_was_saved(path):
  run = load_run(path, "last")
  assert list(run.checkpoints) == [1, 2]
  assert all("information" in m for m in run.checkpoints.values())
  assert [r["step"] for r in run.records if r["split"] == "train"] == [1, 2]
  place = path / "checkpoints"
  checkpoints = Checkpoints(place, 1, Monitor("x"), read_only=True)
  for step in (1, 2):
    saved = checkpoints.restore(step, run.state)
    chex.assert_trees_all_equal(run.at(step).state, saved)
    chex.assert_trees_all_equal(load_run(path, step).state, saved)
  checkpoints.close()
  assert run.step == 2


def test_the_best_is_the_best(path):
  run = load_run(path)
  best = max(m["information"] for m in run.checkpoints.values())
  assert run.checkpoints[run.step]["information"] == best


def test_the_variables_are_those_of_what_is_deployed(path):
  run = load_run(path)
  x = run.dataset("test").read(np.arange(3))["x"] / np.float32(255)
  model = build.model(run.config, {"num_classes": 10})
  np.testing.assert_allclose(
    run.classifier()(x), model.apply(run.variables, x), rtol=1e-5, atol=1e-6
  )


def test_untrained_it_is_as_training_began(path):
  run = load_run(path)
  training, *_ = build.loaders(run.config)
  batch = training.decode(training.device_data, next(training.indices(0)))
  began = jax.jit(run.task.init)(jax.random.key(run.config.seed), batch)
  chex.assert_trees_all_equal(run.untrained().state, began)


def test_a_checkpoint_that_is_not_there_is_refused(path):
  with pytest.raises(ValueError, match=r"step 7 .*'last' or one of 1, 2\."):
    load_run(path, 7)
  with pytest.raises(ValueError, match="step newest in"):
    load_run(path, "newest")


def test_data_of_no_kind_are_refused(path):
  config = load_run(path).config
  with config.unlocked():
    config.data.kind = "images"
  with pytest.raises(ValueError, match=r"'images': expected one of .*dataset"):
    build.loaders(config)


def test_a_config_to_evaluate_by_is_of_the_same_model(path):
  run = load_run(path)
  # As the command line has it: locked.
  refuse_another_model(run, with_overrides(run.config, {}).lock())
  other = with_overrides(run.config, {"model": {"name": "mlp"}})
  with pytest.raises(ValueError, match=r"model .*'mlp'.* has .*'small_cnn'"):
    refuse_another_model(run, other)
  # A run has its config as JSON, which has no tuples.
  stored = with_overrides(run.config, {"model": {"sizes": [1, 2]}})
  given = with_overrides(run.config, {"model": {"sizes": (1, 2)}})
  refuse_another_model(dataclasses.replace(run, config=stored), given)
