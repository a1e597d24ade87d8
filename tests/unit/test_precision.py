"""One choice of precision, from the config to the report."""

import importlib

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from experiments import build, main
from experiments.build.check_config import check_config
from experiments.compare.models import parse_models
from experiments.configs import common
from experiments.evaluate import evaluate
from experiments.load_run import load_run
from experiments.train import train
from robust_jax import parallel, precision
from tests.unit.command_line import command_line


class Flat(nn.Module):
  """A model of somebody's who thought of no precision."""

  num_classes: int = 10

  @nn.compact
  def __call__(self, x, *, train=False):
    del train
    return nn.Dense(self.num_classes)(x.reshape(len(x), -1))


def products_of_a_step(config):
  """Their dtypes, of one training step."""
  task, training, *_ = build.experiment(config)
  indices = next(iter(training.indices(0)))
  batch = jax.eval_shape(training.decode, training.device_data, indices)
  state = jax.eval_shape(task.init, jax.random.key(0), batch)
  step = parallel.simulate_step(task.step, 1, training.decode)
  args = state, training.device_data, indices, jax.random.key(0)
  return precision.products(step, *args)


# Number of matrix products in a step that belong to the last layer of a model:
# one in the forward pass, and one for each of its two gradients, if taken. The
# discriminator of a GAN has 3 and 3 for real and generated examples in its own
# move, 1 and 2 in the generator's; the generator has 1 and 3. All have hidden
# layers too.
@pytest.mark.parametrize(
  ("name", "last_products"),
  [("gan.gaussian_ring", 13), ("fader.digits", 12), ("domain.digits_dann", 6)],
)
def test_all_models_of_a_task_compute_in_the_precision_of_the_config(
  name, last_products
):
  module = importlib.import_module(f"experiments.configs.{name}")
  config = module.get_config("smoke")
  exact = products_of_a_step(config)
  assert set(exact) == {"float32"}
  config.precision = "bfloat16"
  found = products_of_a_step(config)
  assert len(found) == len(exact)
  assert found.count("float32") == last_products
  assert set(found) == {"float32", "bfloat16"}


def test_an_unknown_precision_is_refused():
  config = common.classifier("digits", "mlp", 0.1)
  config.precision = "float16"
  with pytest.raises(ValueError, match="'float16': expected one of float32, b"):
    check_config(config)


def test_a_model_that_takes_no_dtype_is_of_float32():
  config = common.classifier("digits", f"{__name__}:Flat", 0.1)
  build.experiment(config)
  config.precision = "bfloat16"
  with pytest.raises(ValueError, match="test_precision:Flat' has no option dt"):
    build.experiment(config)


def test_a_section_does_not_say_what_the_config_says():
  config = common.classifier("digits", "mlp", 0.1)
  with config.unlocked():
    config.model.dtype = "bfloat16"
  with pytest.raises(ValueError, match=r"dtype = bfloat16: .*config\.precis"):
    build.experiment(config)


def precision_of_product():
  """Of a product that is traced here."""
  x = jnp.ones((2, 2))
  (eqn,) = jax.make_jaxpr(jnp.dot)(x, x).jaxpr.eqns
  used = eqn.params["precision"]
  return None if used is None else used[0].name


@pytest.fixture
def unconfigured():
  """As JAX multiplies by default, whatever is asked for in other tests."""
  with jax.default_matmul_precision(None):
    yield


@pytest.mark.usefixtures("unconfigured")
def test_evaluation_multiplies_at_the_highest_precision_unless_told():
  assert precision_of_product() is None
  assert precision.matmul_precision() == "default"
  evaluate = precision.evaluation()(precision_of_product)
  for _ in range(2):
    assert evaluate() == "HIGHEST"
  with jax.default_matmul_precision("high"), precision.evaluation():
    assert precision_of_product() == "HIGH"
    assert precision.matmul_precision() == "high"
  with jax.default_matmul_precision("default"):
    assert evaluate() == "DEFAULT"
  assert precision_of_product() is None


@pytest.fixture(scope="module")
def found(tmp_path_factory):
  """Two runs alike but for their precision, and the report of both models."""
  found, path = {}, tmp_path_factory.mktemp("precision")
  for name in ("float32", "bfloat16"):
    config = common.classifier("digits", "small_cnn", 0.1)
    config.precision = name
    config.optimizer.learning_rate = 4e-3
    config.training.update(num_epochs=3.0, batch_size=64)
    config.evaluator.validation_attacks = {}
    config.evaluation.attacks.pgd.search.update(num_steps=10, restarts=1)
    config.evaluation.radii = ()
    del config.evaluation.attacks.fgsm
    train(config, path / name)
    found[name] = load_run(path / name)
  models = {name: run.classifier() for name, run in found.items()}
  return found, evaluate(models, config, path)


def test_training_converges_in_bfloat16_as_in_float32(found):
  last = {}
  for name, run in found[0].items():
    losses = [r["loss"] for r in run.records if r["split"] == "train"]
    last[name] = losses[-1]
    assert losses[-1] < losses[0] / 3
    floats = jax.tree.leaves(run.variables)
    assert {leaf.dtype.name for leaf in floats} == {"float32"}
  # Means of 20 steps; seen: 0.249 beside 0.244.
  assert last["bfloat16"] == pytest.approx(last["float32"], rel=0.05)


def test_attacks_on_a_bfloat16_model_agree_with_those_on_float32(found):
  exact, near = (found[1]["accuracy"][name] for name in found[0])
  assert exact["pgd"] < exact["clean"] - 0.2
  for name, accuracy in exact.items():
    # Of 360 images, by models of two trainings; seen: 0.008.
    assert near[name] == pytest.approx(accuracy, abs=0.03)


def test_reports_say_what_was_computed_in_and_how_exactly(found):
  report = found[1]
  assert report["matmul_precision"] == "highest"
  assert report["computed_in"] == {
    "float32": "float32",
    "bfloat16": "bfloat16, float32",
  }
  assert report["config"]["precision"] == "bfloat16"
  run = found[0]["bfloat16"]
  model = parse_models([f"A={run.path}"])["A"]
  assert model.computed_in == report["computed_in"]["bfloat16"]


def test_the_command_line_tells_how_to_multiply(monkeypatch):
  used = []

  def work(_):
    with precision.evaluation():
      used.append(precision.matmul_precision())

  monkeypatch.setitem(main._COMMANDS, "demo", work)
  for flags in ([], ["--matmul_precision=high"]):
    assert command_line("demo", *flags) == 0
  assert used == ["highest", "high"]
  assert command_line("demo", "--matmul_precision=exact") == 2
