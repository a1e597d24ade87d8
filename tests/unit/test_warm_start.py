"""A training that begins with another run's network."""

import json

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import build, workdir
from experiments.build.loop_config import monitor
from experiments.build.with_overrides import with_overrides
from experiments.configs import common
from experiments.configs.domain import digits_dann
from experiments.load_run import load_run
from experiments.train import train
from experiments.warm_start import warm_start
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.training.checkpoint import Checkpoints

KEY = jax.random.key(0)
X = np.zeros((2, 8, 8, 1), np.float32)
TRAINED = MLP((4,), 10).init(jax.random.key(1), X)["params"]


def classifier():
  config = common.finish(common.classifier("digits", "mlp", 0.1), "smoke")
  config.evaluator.validation_attacks = {}
  return with_overrides(config, {"model": {"name": "mlp", "features": (4,)}})


def finished(path, config, **changes):
  """A run that ended with a state of which this is changed."""
  workdir.open_run(path, config)
  batch, _ = build.describe(config)
  blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), batch)
  state = jax.jit(build.experiment(config).task.init)(KEY, blank)
  state = state._replace(step=jnp.int32(3), **changes)
  metric = monitor(config.training)
  checkpoints = Checkpoints(path / "checkpoints", 1, metric)
  checkpoints.save(state, {metric.metric: 0.5})
  checkpoints.close()
  return state


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  path = tmp_path_factory.mktemp("run")
  finished(path, classifier(), params=TRAINED)
  return str(path)


def initial(width=4, **options):
  variables = MLP((width,), 10).init(KEY, X)
  return variables, warm_start([], **options)(variables)


def test_parameters_are_the_runs_except_for_the_fresh_ones(run):
  own, begun = initial(run=run, fresh=("Dense_1",))
  chex.assert_trees_all_equal(begun["params"]["Dense_0"], TRAINED["Dense_0"])
  chex.assert_trees_all_equal(
    begun["params"]["Dense_1"], own["params"]["Dense_1"]
  )


def test_of_a_game_the_model_is_taken_with_the_targets_statistics(tmp_path):
  config = with_overrides(
    digits_dann.get_config("smoke"),
    {
      "model": {"name": "dann_mnist", "batch_norm": "per_device"},
      "task": {"name": "domain", "batch_norm": "separate"},
    },
  )
  state = finished(tmp_path, config)
  statistics = jax.tree.map(lambda leaf: leaf + 1, state.model_state["target"])
  theirs = {"source": state.model_state["source"], "target": statistics}
  finished(tmp_path / "moved", config, model_state=theirs)
  own = {"params": state.params["model"], **state.model_state["target"]}
  begun = warm_start([], str(tmp_path / "moved"))(own)
  expected = {"params": state.params["model"], **statistics}
  chex.assert_trees_all_equal(begun, expected)


def test_what_does_not_fit_is_refused(run):
  with pytest.raises(
    ValueError, match=r"Dense_0.bias is \(4,\) there and \(5,\) here"
  ):
    initial(run=run, width=5)
  with pytest.raises(
    ValueError, match="names 'head': expected some of Dense_0, Dense_1"
  ):
    initial(run=run, fresh=("head",))
  with pytest.raises(ValueError, match="holds no run"):
    warm_start([], "/nowhere")


def test_a_run_remembers_its_start_and_is_evaluated_without_it(run, tmp_path):
  config = with_overrides(
    classifier(), {"warm_start": {"run": run, "fresh": ("Dense_1",)}}
  )
  # What it begins with is what it ends with.
  config.optimizer.learning_rate = 0.0
  assert train(config, tmp_path).status == "finished"
  saved = json.loads((tmp_path / "config.json").read_text())
  assert saved["warm_start"] == {"run": run, "fresh": ["Dense_1"]}
  ended = load_run(tmp_path).variables
  chex.assert_trees_all_equal(ended["params"]["Dense_0"], TRAINED["Dense_0"])

  # The run that it began with may be gone by then.
  saved["warm_start"]["run"] = "/nowhere"
  (tmp_path / "config.json").write_text(json.dumps(saved))
  opened = load_run(tmp_path)
  chex.assert_trees_all_equal(opened.variables, ended)
  x = np.ones((1, 8, 8, 1), np.float32)
  expected = MLP((4,), 10).apply(ended, x)
  np.testing.assert_allclose(opened.classifier()(x), expected, rtol=1e-6)
