"""`evaluate --certify`: the table, its files and what it refuses."""

import json

import jax
import numpy as np
import pytest

from experiments import build
from experiments import certify as module_under_test
from experiments.certify import certify
from experiments.configs.adversarial import digits_pgd
from experiments.configs.certified import mnist_ibp, mnist_smoothing
from robust_jax.data.images import image_shape
from robust_jax.models.inference import inference_fn


def untrained(config, seed=1):
  dataset = build.dataset(config, "test")
  model = build.model(config, dataset.info)
  variables = model.init(
    jax.random.key(seed), np.zeros((1, *image_shape(dataset)), np.float32)
  )
  return inference_fn(model, variables)


@pytest.mark.parametrize(
  ("module", "norm"), [(mnist_smoothing, "l2"), (mnist_ibp, "linf")]
)
def test_the_report_is_of_the_radius_of_each_image(module, norm, tmp_path):
  config = module.get_config("smoke")
  config.evaluation.batch_size = 8
  report = certify(untrained(config), config, tmp_path, num_examples=12)
  assert report == json.loads((tmp_path / "certified.json").read_text())
  assert (report["norm"], report["num_examples"]) == (norm, 12)
  radii = np.array(report["radius_of_each"])
  assert radii.shape == (12,)
  for radius, accuracy in zip(
    report["radii"], report["certified_accuracy"], strict=True
  ):
    assert accuracy == np.mean(radii >= radius)
  assert report["matmul_precision"] == "highest"
  assert (tmp_path / "certified_accuracy.png").stat().st_size > 5000


def test_an_interrupted_call_continues_with_the_same_radii(
  tmp_path, monkeypatch
):
  config = mnist_smoothing.get_config("smoke")
  config.evaluation.batch_size = 4
  model = untrained(config)
  whole = certify(model, config, tmp_path / "whole")
  built = module_under_test._certificate
  asked = []

  def stopping_at(call):
    def radii(*arguments):
      asked.append(arguments)
      if len(asked) == call:
        raise KeyboardInterrupt
      return built(config).radii(*arguments)

    return lambda config: built(config)._replace(radii=radii)

  path = tmp_path / "resumed"
  monkeypatch.setattr(module_under_test, "_certificate", stopping_at(3))
  with pytest.raises(KeyboardInterrupt):
    certify(model, config, path)
  other = untrained(config, seed=2)
  with pytest.raises(ValueError, match="another run: model differs"):
    certify(other, config, path)
  resumed = certify(model, config, path)
  assert len(asked) == 3 + 2  # of four batches the last two
  assert resumed | {"seconds": 0} == whole | {"seconds": 0}
  certify(model, config, path)
  assert len(asked) == 5
  certify(other, config, path)  # that of a run that has ended is replaced
  assert len(asked) == 5 + 4


def test_one_sigma_serves_training_and_certificate():
  config = mnist_smoothing.get_config()
  config.loss.sigma = 0.25
  assert config.evaluation.certificate.sigma == config.evaluator.sigma == 0.25


def test_a_config_without_a_certificate_is_refused(tmp_path):
  config = digits_pgd.get_config("smoke")
  with pytest.raises(ValueError, match="has no section evaluation"):
    certify(untrained(config), config, tmp_path)
