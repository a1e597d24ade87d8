"""Configs that are refused."""

import pytest

from experiments import build
from experiments.build import sections
from experiments.configs import common, robust_training
from experiments.configs.gan import gaussian_ring
from experiments.configs.robust import digits, imagenet


@pytest.mark.parametrize(
  ("edit", "message"),
  [
    (
      lambda c: c.data.__delitem__("validation"),
      "no split 'validation' .* 'digits'",
    ),
    (
      lambda c: c.model.update(num_classes=7),
      "num_classes = 7: expected none, the data has 10",
    ),
  ],
)
def test_a_config_that_does_not_fit_is_refused(edit, message):
  config = common.classifier("digits", "mlp", 0.1)
  with config.unlocked():
    edit(config)
  with pytest.raises(ValueError, match=message):
    build.experiment(config)


@pytest.mark.parametrize(
  ("edit", "message"),
  [
    (
      lambda c: c.models.generator.update(num_features=3),
      "model.num_features = 3: expected none, the data has 2",
    ),
    (lambda c: c.models.__delitem__("generator"), "models of .'discriminator'"),
    (lambda c: c.__delitem__("models"), "task 'gan' needs a section `models`"),
    (
      lambda c: c.update(optimizer={"name": "sgd", "learning_rate": 0.1}),
      "task 'gan' has no use for the section `optimizer`",
    ),
    (
      lambda c: c.data.update(kind="images"),
      "data.kind = 'images': expected one",
    ),
  ],
)
def test_a_config_of_several_models_that_does_not_fit_is_refused(edit, message):
  config = gaussian_ring.get_config("smoke")
  with config.unlocked():
    edit(config)
  with pytest.raises(ValueError, match=message):
    build.experiment(config)


def test_a_model_gets_what_it_asks_for_of_the_data():
  config = gaussian_ring.get_config("smoke")
  facts = build.dataset(config, "test").info
  generator = sections.build("models", config.models, facts)["generator"]
  assert generator.num_features == facts["num_features"] == 2


@pytest.mark.parametrize("name", robust_training.methods(0.1))
def test_options_of_each_method_are_those_of_what_it_names(name):
  config = digits.get_config(name)
  experiment = build.experiment(config)
  stopping = experiment.loop_config.stopping
  # A third of the run is left to rise above chance.
  assert stopping.floor_after < experiment.loop_config.num_steps / 2


def test_random_crops_are_not_mixed_with_other_data():
  config = imagenet.get_config("smoke")
  with config.unlocked():
    config.data.extra = {"dataset": "digits", "fraction": 0.5}
  with pytest.raises(ValueError, match=r"data.size = 16: expected one of them"):
    build.experiment(config)
