"""A training that begins with another run's network."""

import json

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import runs, workdir
from experiments.configs import common
from experiments.warm_start import warm_start
from robust_jax.models.mlp import MLP
from robust_jax.tasks.supervised import supervised
from robust_jax.training.checkpoint import Checkpoints
from robust_jax.training.monitor import Monitor

KEY = jax.random.key(0)
BATCH = {"x": np.zeros((2, 8, 8, 1), np.float32)}
TRAINED = MLP((4,), 10).init(jax.random.key(1), BATCH["x"])["params"]


def finished(path, params, model_state=()):
  """A run that ended with these parameters."""
  workdir.open_run(path, common.classifier("digits", "mlp", 0.1))
  state = supervised(MLP((4,), 10), optax.sgd(0.1)).init(KEY, BATCH)
  state = state._replace(params=params, model_state=dict(model_state))
  checkpoints = Checkpoints(path / "checkpoints", 1, Monitor("accuracy"))
  checkpoints.save(state._replace(step=jnp.int32(3)), {"accuracy": 0.5})
  checkpoints.close()
  return str(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  return finished(tmp_path_factory.mktemp("run"), TRAINED)


def initial(width=4, **options):
  variables = MLP((width,), 10).init(KEY, BATCH["x"])
  return variables, warm_start(**options)(variables)


def test_parameters_are_the_runs_except_for_the_fresh_ones(run):
  own, begun = initial(run=run, fresh=("Dense_1",))
  chex.assert_trees_all_equal(begun["params"]["Dense_0"], TRAINED["Dense_0"])
  chex.assert_trees_all_equal(
    begun["params"]["Dense_1"], own["params"]["Dense_1"]
  )


def test_without_a_run_nothing_changes():
  own, begun = initial(run="", fresh=("Dense_1",))
  chex.assert_trees_all_equal(own, begun)


def test_of_a_game_the_model_is_taken_and_its_statistics(tmp_path):
  statistics = {"batch_stats": {"bn": {"mean": np.ones(3, np.float32)}}}
  players = {"model": TRAINED, "adversary": {"w": np.ones(5, np.float32)}}
  path = finished(tmp_path, players, statistics)
  own = {"params": TRAINED, "batch_stats": {"bn": {"mean": np.zeros(3)}}}
  begun = warm_start(path)(own)
  chex.assert_trees_all_equal(begun, {"params": TRAINED, **statistics})


def test_what_does_not_fit_is_refused(run):
  with pytest.raises(
    ValueError, match=r"Dense_0.bias is \(4,\) there and \(5,\) here"
  ):
    initial(run=run, width=5)
  with pytest.raises(
    ValueError, match="names 'head': wanted some of Dense_0, Dense_1"
  ):
    initial(run=run, fresh=("head",))
  with pytest.raises(ValueError, match="holds no run"):
    warm_start("/nowhere")


def test_a_run_remembers_its_start_and_is_evaluated_without_it(run, tmp_path):
  config = common.finish(common.classifier("digits", "mlp", 0.1), "smoke")
  with config.unlocked():
    config.model.features = (4,)
    config.probes = {}
    config.optimizer.learning_rate = (
      0.0  # what it began with is what it ends with
    )
    config.warm_start = {"run": run, "fresh": ("Dense_1",)}
  assert runs.train(config, tmp_path).status == "finished"
  saved = json.loads((tmp_path / "config.json").read_text())
  assert saved["warm_start"] == {"run": run, "fresh": ["Dense_1"]}
  checkpoints = Checkpoints(tmp_path / "checkpoints", 1, Monitor("accuracy"))
  ended = checkpoints.read_best()["params"]
  checkpoints.close()
  chex.assert_trees_all_equal(ended["Dense_0"], TRAINED["Dense_0"])

  # The run that it began with may be gone by then.
  saved["warm_start"]["run"] = "/nowhere"
  (tmp_path / "config.json").write_text(json.dumps(saved))
  logits_fn = runs.from_run(tmp_path)[1].logits_fn
  x = np.ones((1, 8, 8, 1), np.float32)
  wanted = MLP((4,), 10).apply({"params": ended}, x)
  np.testing.assert_allclose(logits_fn(x), wanted, rtol=1e-6)
