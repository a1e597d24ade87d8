"""`attack` writes what `evaluate --attack` finds, as files and in figures."""

import json

import numpy as np
import PIL.Image
import pytest

from experiments.adversarial_examples import files
from experiments.adversarial_examples.images import (
  LabeledImages,
  images_of_config,
)
from experiments.attack import attack
from experiments.cli import named_models
from experiments.compare.open_data import open_images
from experiments.configs import common
from experiments.evaluate_attacks import attack_images
from experiments.load_run import load_run
from experiments.train import train
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.models.load_network import load_network
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
  images = images_of_config(opened.config, NUM_EXAMPLES)
  x, labels = images.x, images.labels
  outcome = attack_images(
    opened.classifier(), opened.config, ["pgd"], x, labels, tmp_path / "a.npz"
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
  assert f"/ {found['l2'].max():.4g}" in said


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
    (["--attack=eps=1/8", "--out=a.npz"], "attack needs one --attack"),
    (["--attack=pgd"], "attack needs --out"),
    (["--attack=pgd", "--out=a.png"], "expected a file named *.npz"),
    (["--attack=magic", "--out=a.npz"], "there is no attack 'magic'"),
    (["--attack=pgd", "--norm=l2", "--out=a.npz"], "expected its radius too"),
    (["--attack=pgd,epz=1", "--out=a.npz"], "did you mean 'eps'? It has"),
    (
      ["--attack=pgd", "--image_size=8", "--out=a.npz"],
      "--image_size describes --data",
    ),
    (
      ["--attack=pgd", "--data=reviews.csv", "--out=a.npz"],
      "--data=reviews.csv are texts",
    ),
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

  def model(config, weights, layout, images):
    given.append((weights, layout))
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
    "--layout=wong",
    "--attack=fgsm",
    "--num_examples=8",
    "--out=a.npz",
  )
  assert status == 0
  assert given == [("w.npz", "wong")]
  written = sorted(path.name for path in tmp_path.iterdir())
  assert written == ["a.npz", "a_state.npz", "own.py"]
  with np.load("a.npz") as stored:
    assert stored["x"].shape == (8, 8, 8, 1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
  """Pictures of three classes, in folders: (folder, their pixels by class)."""
  folder = tmp_path_factory.mktemp("pictures") / "digits"
  pixels = np.random.default_rng(0).integers(0, 256, (3, 2, 8, 8), np.uint8)
  for name, images in zip(("one", "two", "zero"), pixels, strict=True):
    (folder / name).mkdir(parents=True)
    for number, image in enumerate(images):
      PIL.Image.fromarray(image).save(folder / name / f"{number}.png")
  return folder, pixels


TEN = "zero,one,two,three,four,five,six,seven,eight,nine"


@pytest.fixture(scope="module")
def folder(run, pictures):
  """The folder of an attack on these pictures."""
  out = run.parent / "eps0.1"
  status = command_line(
    "attack",
    f"--workdir={run}",
    f"--data={pictures[0]}",
    f"--class_names={TEN}",
    "--attack=autoattack",
    "--norm=l2",
    "--eps=1/8",
    f"--out={out}",
  )
  assert status == 0
  return out


def test_pictures_of_a_folder_are_attacked_in_the_ball_of_the_flags(
  run, pictures, folder
):
  with np.load(folder / "adversarial.npz") as stored:
    found = dict(stored)
  np.testing.assert_array_equal(
    np.rint(255 * found["x"][..., 0]), pictures[1].reshape(-1, 8, 8)
  )
  assert found["labels"].tolist() == [1, 1, 2, 2, 0, 0]
  assert found["ids"].tolist()[:3] == ["one/0.png", "one/1.png", "two/0.png"]
  lengths = np.linalg.norm((found["x_adv"] - found["x"]).reshape(6, -1), axis=1)
  assert lengths.max() <= 1 / 8 + 1e-5
  report = json.loads((folder / "report.json").read_text("utf-8"))
  threat = report["config"]["evaluation"]["autoattack"]
  assert threat == {"norm": "l2", "eps": 1 / 8, "version": "standard"}
  assert report["robust_accuracy"] == 1 - found["misclassified"].mean()


def test_png_files_are_the_images_in_8_bits(run, folder):
  with np.load(folder / "adversarial.npz") as stored:
    found = dict(stored)
  reader = open_images(f"{folder / 'adversarial'}", names=TEN.split(","))
  read = [reader.get(i) for i in range(len(reader))]
  assert [sample.label for sample in read] == found["labels"].tolist()
  x = np.stack([sample.x for sample in read]).astype(np.float32) / 255
  assert np.abs(x - found["x_adv"]).max() <= 0.5 / 255 + 1e-6
  answers = as_numpy_fn(load_run(run).classifier())(x).argmax(axis=-1)
  np.testing.assert_array_equal(found["png_predictions"], answers)
  report = json.loads((folder / "report.json").read_text("utf-8"))
  right = np.mean(answers == found["labels"])
  assert report["png"]["robust_accuracy"] == pytest.approx(right)


def test_rounding_to_8_bits_stays_in_a_ball_of_whole_steps(tmp_path, run):
  """8-bit images, and eps in whole 255ths: x + delta rounds within eps."""
  out = tmp_path / "png"
  arguments = ["attack", f"--workdir={run}", "--attack=fgsm", f"--out={out}"]
  assert command_line(*arguments, "--eps=30/255", "--num_examples=16") == 0
  with np.load(out / "adversarial.npz") as stored:
    steps = 255 * stored["x"]
    rounded = np.rint(255 * stored["x_adv"])
  on_grid = np.abs(steps - np.rint(steps)) < 1e-3
  assert np.abs(rounded - steps)[on_grid].max() <= 30 + 1e-3
  assert (out / "pairs.png").stat().st_size > 1000


@pytest.mark.parametrize(
  ("more", "said"),
  [
    ((), "the model has 10 classes, and --data has 3, one, two, zero"),
    (
      (f"--class_names={TEN}", "--image_size=12"),
      "the model does not take the images of --data, which are 12 x 12",
    ),
  ],
)
def test_images_that_the_model_is_not_for_are_refused(
  run, pictures, more, said, capsys, tmp_path
):
  status = command_line(
    "attack",
    f"--workdir={run}",
    f"--data={pictures[0]}",
    "--attack=pgd",
    f"--out={tmp_path / 'a.npz'}",
    *more,
  )
  assert status == 2
  assert said in capsys.readouterr().err
  assert list(tmp_path.iterdir()) == []


def test_names_of_classes_cannot_lead_out_of_the_folder(tmp_path):
  found = files.Attacked(
    LabeledImages(
      np.zeros((2, 2, 2, 3)), np.array([0, 1]), "ab", ["../../a", ".hidden/b"]
    ),
    np.ones((2, 2, 2, 3)),
    np.zeros(2),
    np.zeros(2),
  )
  files.write_pngs(tmp_path / "out", found)
  assert {path.name for path in tmp_path.iterdir()} == {"out"}
  written = [p.relative_to(tmp_path / "out") for p in tmp_path.rglob("*.png")]
  assert sorted(map(str, written)) == [
    "_.._a/000000.png",
    "hidden_b/000001.png",
  ]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
  """Random tensors of a published network for gray images of 8x8 pixels."""
  rng = np.random.default_rng(1)
  sizes = {"0": (16, 1, 4, 4), "2": (32, 16, 4, 4), "5": (100, 128)}
  sizes["7"] = (10, 100)
  tensors = {
    f"{name}.weight": rng.normal(size=size) for name, size in sizes.items()
  }
  tensors |= {
    f"{name}.bias": rng.normal(size=s[0]) for name, s in sizes.items()
  }
  # It often predicts 1, which is the class of two pictures.
  tensors["7.weight"][1] += 0.3
  path = tmp_path_factory.mktemp("weights") / "small.npz"
  np.savez(path, **tensors)
  return path


def test_weights_and_a_folder_need_no_config(weights, pictures, tmp_path):
  out = tmp_path / "out"
  flags = (
    f"--weights={weights}",
    "--layout=wong",
    f"--data={pictures[0]}",
    f"--class_names={TEN}",
    "--attack=fgsm",
    "--norm=linf",
    "--eps=1/8",
    f"--out={out}",
  )
  assert command_line("attack", "--model=small_cnn", *flags) == 0
  with np.load(out / "adversarial.npz") as stored:
    found = dict(stored)
  assert 0 < np.abs(found["x_adv"] - found["x"]).max() <= 1 / 8 + 1e-6
  network, variables = load_network(
    weights, "small_cnn", layout="wong", image_shape=(8, 8, 1)
  )
  answers = network.apply(variables, found["x_adv"]).argmax(-1)
  np.testing.assert_array_equal(found["predictions"], answers)


def test_what_weights_need_without_a_config_is_said(weights, pictures, capsys):
  flags = (f"--weights={weights}", f"--data={pictures[0]}", "--attack=fgsm")
  assert command_line("attack", *flags, "--norm=l2", "--out=x") == 2
  assert "needs --model, --norm and --eps" in capsys.readouterr().err
