"""`attack` writes what `evaluate --attack` finds, as a file and in figures."""

import numpy as np
import pytest

from experiments import evaluate_attacks
from experiments.attack import attack
from experiments.cli import named_models
from experiments.configs import common
from experiments.load_run import load_run
from experiments.train import train
from robust_jax.as_numpy_fn import as_numpy_fn
from tests.unit.command_line import command_line

NUM_EXAMPLES = 24
EPS = 0.05


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """An MLP of a few steps on the digits."""
  config = common.finish(common.classifier("digits", "mlp", EPS), "")
  config.training.update(num_epochs=1.0, evaluate_every_epochs=1.0)
  path = tmp_path_factory.mktemp("attacked") / "run"
  train(config, path)
  return path


@pytest.fixture(scope="module")
def written(run):
  """The arrays that the command writes of it."""
  file = run.parent / "new" / "pgd.npz"
  status = command_line(
    "attack",
    f"--workdir={run}",
    "--attack=pgd",
    f"--num_examples={NUM_EXAMPLES}",
    f"--out={file}",
  )
  assert status == 0
  with np.load(file) as stored:
    return dict(stored)


def test_the_file_says_what_the_model_answers(run, written):
  x_adv, labels = written["x_adv"], written["labels"]
  assert x_adv.shape == written["x"].shape == (NUM_EXAMPLES, 8, 8, 1)
  answers = as_numpy_fn(load_run(run).classifier())(x_adv).argmax(axis=-1)
  np.testing.assert_array_equal(written["predictions"], answers)
  np.testing.assert_array_equal(written["misclassified"], answers != labels)
  assert 0 < written["misclassified"].sum() < NUM_EXAMPLES
  assert np.abs(x_adv - written["x"]).max() <= EPS + 1e-6


def test_they_are_the_images_of_evaluate(run, written, tmp_path):
  opened = load_run(run)
  _, x, labels, outcome = evaluate_attacks.attack_test_set(
    opened.classifier(),
    opened.config,
    ["pgd"],
    NUM_EXAMPLES,
    tmp_path / "a.npz",
  )
  np.testing.assert_array_equal(written["x"], x)
  np.testing.assert_array_equal(written["labels"], labels)
  np.testing.assert_array_equal(written["x_adv"], outcome.x_adv)


def test_the_figures_are_those_of_the_file(run, written, tmp_path, capsys):
  opened = load_run(run)
  found = attack(
    opened.classifier(),
    opened.config,
    "pgd",
    tmp_path / "pgd.npz",
    NUM_EXAMPLES,
  )
  clean = as_numpy_fn(opened.classifier())(written["x"]).argmax(axis=-1)
  right = clean == written["labels"]
  assert found["clean_accuracy"] == pytest.approx(right.mean())
  assert found["robust_accuracy"] == pytest.approx(
    1 - written["misclassified"].mean()
  )
  changes = (written["x_adv"] - written["x"]).reshape(NUM_EXAMPLES, -1)
  changes = changes[right & written["misclassified"]]
  for norm, order in {"linf": np.inf, "l2": 2, "l1": 1, "l0": 0}.items():
    expected = np.linalg.norm(changes, order, axis=1)
    np.testing.assert_allclose(found[norm], expected, rtol=1e-5)
  said = capsys.readouterr().out
  assert f"{found['robust_accuracy']:.2%}" in said
  assert f"largest {found['l2'].max():.4g}" in said


def test_an_attack_that_finds_nothing_has_no_norms(run, tmp_path):
  opened = load_run(run)
  with opened.config.unlocked():
    opened.config.evaluation.attacks.pgd.set.eps = 0.0
  path = tmp_path / "none.npz"
  found = attack(opened.classifier(), opened.config, "pgd", path, 8)
  assert found["robust_accuracy"] == found["clean_accuracy"]
  assert found["linf"].size == 0


@pytest.mark.parametrize(
  ("arguments", "said"),
  [
    (["--out=a.npz"], "attack needs one --attack"),
    (["--attack=pgd,fgsm", "--out=a.npz"], "attack needs one --attack"),
    (["--attack=pgd"], "attack needs --out"),
    (["--attack=pgd", "--out=a.png"], "expected a file named *.npz"),
    (["--attack=magic", "--out=a.npz"], "there is no attack 'magic'"),
  ],
)
def test_what_is_asked_for_wrongly_is_told_in_one_line(
  run, arguments, said, capsys, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  assert command_line("attack", f"--workdir={run}", *arguments) == 2
  error = capsys.readouterr().err
  assert said in error
  assert error.count("\n") == 1
  assert list(tmp_path.iterdir()) == []


def test_weights_of_a_file_are_attacked_by_a_config(tmp_path, monkeypatch):
  """No run is needed, and none is made."""
  monkeypatch.chdir(tmp_path)
  given = []

  def model(config, weights):
    given.append(weights)
    return lambda x: x.reshape(len(x), -1)[:, :10]

  monkeypatch.setattr(named_models, "from_weights", model)
  (tmp_path / "own.py").write_text(
    "from experiments.configs import common\n"
    "def get_config():\n"
    f"  config = common.classifier('digits', 'mlp', {EPS})\n"
    "  return common.finish(config, 'smoke')\n"
  )
  status = command_line(
    "attack",
    "--config=own.py",
    "--weights=w.npz",
    "--attack=fgsm",
    "--num_examples=8",
    "--out=a.npz",
  )
  assert status == 0
  assert given == ["w.npz"]
  written = sorted(path.name for path in tmp_path.iterdir())
  assert written == ["a.npz", "a_state.npz", "own.py"]
  with np.load("a.npz") as stored:
    assert stored["x"].shape == (8, 8, 8, 1)
