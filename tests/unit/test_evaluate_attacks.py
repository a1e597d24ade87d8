"""Evaluations under attacks resume, and refuse the state of another one."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import build
from experiments import evaluate_attacks as module
from experiments.configs import common
from robust_jax import fingerprint
from robust_jax.data.readers.load_npz import load_npz
from robust_jax.files import read_json
from robust_jax.models.inference import inference_fn


class Attacked(Exception):
  """The attacks are through."""


def evaluated(changes=(), weights=0):
  """The config of an evaluation and its model."""
  config = common.finish(common.classifier("digits", "mlp", 0.01), "smoke")
  config.update_from_flattened_dict(dict(changes))
  model = build.model(config, {"num_classes": 10})
  variables = model.init(jax.random.key(weights), jnp.zeros((1, 8, 8, 1)))
  return config, inference_fn(model, variables)


def attack(
  path, changes=(), attacks=("pgd",), num_examples=16, weights=0
) -> None:
  """Runs the attacks of an evaluation in `path`, and nothing after them."""
  config, logits_fn = evaluated(changes, weights)

  def stop(*_, **__):
    raise Attacked

  with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Attacked):
    patch.setattr(module, "masking_checks", stop)
    module.evaluate_attacks(logits_fn, config, attacks, path, num_examples)


@pytest.fixture(scope="module")
def state(tmp_path_factory):
  """The state that an evaluation leaves which is interrupted at its end."""
  path = tmp_path_factory.mktemp("attacks")
  attack(path)
  file = path / "attack_state.npz"
  np.savez(file, **(load_npz(file) | {"finished": False}))
  return file.read_bytes()


@pytest.mark.parametrize(
  ("change", "differing"),
  [
    ({"changes": {"evaluation.attacks.pgd.set.eps": 0.6}}, r"attack 1 \(pgd\)"),
    ({"changes": {"evaluation.attacks.pgd.set.name": "l2"}}, "attack 1"),
    ({"changes": {"evaluation.attacks.pgd.search.num_steps": 3}}, "attack 1"),
    ({"changes": {"evaluation.attacks.pgd.objective": "margin"}}, "attack 1"),
    ({"changes": {"seed": 1}}, "key"),
    ({"changes": {"data.test": "train"}}, "images, labels"),
    ({"num_examples": 15}, "images, labels"),
    ({"weights": 1}, "model"),
    ({"attacks": ("fgsm",)}, "stages, attack 1"),
    ({"attacks": ("pgd", "fgsm")}, "stages, attack 2"),
  ],
)
def test_the_state_of_another_evaluation_is_refused(
  change, differing, state, tmp_path
):
  file = tmp_path / "attack_state.npz"
  file.write_bytes(state)
  with pytest.raises(ValueError, match=f"of another run: .*{differing}"):
    attack(tmp_path, **change)
  assert file.read_bytes() == state


def test_the_state_of_another_evaluation_that_has_ended_is_replaced(tmp_path):
  attack(tmp_path, num_examples=15)
  attack(tmp_path)
  arrays = load_npz(tmp_path / "attack_state.npz")
  assert len(arrays["x_adv"]) == 16


def test_the_same_evaluation_resumes(state, tmp_path):
  (tmp_path / "attack_state.npz").write_bytes(state)
  attack(tmp_path)


def test_an_evaluation_without_attacks_is_refused(tmp_path):
  with pytest.raises(ValueError, match="there is no attack"):
    attack(tmp_path, attacks=())


def test_the_report_identifies_model_and_attacks(tmp_path, monkeypatch):
  monkeypatch.setattr(module, "masking_checks", lambda *_, **__: [])
  config, logits_fn = evaluated({"evaluation.radii": ()})
  module.evaluate_attacks(logits_fn, config, ["fgsm"], tmp_path, 16)
  report = read_json(tmp_path / "report.json", "")
  assert report["attacks"] == ["fgsm"]
  x = jnp.zeros((1, 8, 8, 1))
  assert report["model_digest"] == fingerprint.of_model(logits_fn, x)
  other = evaluated(weights=1)[1]
  assert report["model_digest"] != fingerprint.of_model(other, x)
