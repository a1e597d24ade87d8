"""`export` writes what a run has learned, and says only what was measured."""

import functools
import hashlib
import json
import shutil

import jax
import numpy as np
import pytest
from safetensors import safe_open

from experiments.configs import common
from experiments.export.run import export
from experiments.load_run import load_run
from experiments.train import train
from robust_jax import fingerprint
from robust_jax.models.inference import inference_fn
from robust_jax.models.load_network import load_network
from robust_jax.models.load_tensors import load_tensors
from tests.unit.command_line import command_line

NUM_EXAMPLES = 24
EPS = 0.05
PIXELS = {"mean": (0.3,), "std": (0.4,)}


def config_of(network, **options):
  config = common.classifier("digits", network, EPS)
  config.model.update(options)
  config = common.finish(config, "")
  config.training.update(num_epochs=0.5, evaluate_every_epochs=0.25)
  config.evaluation.radii = ()
  del config.evaluation.attacks.pgd
  config.evaluation.curve.search.num_steps = 1
  return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A small CNN after a few steps, with checkpoints on the way."""
  path = tmp_path_factory.mktemp("exported") / "cnn"
  train(config_of("small_cnn", **PIXELS), path)
  return path


@pytest.fixture(scope="module")
def residual(tmp_path_factory):
  path = tmp_path_factory.mktemp("exported") / "residual"
  train(config_of("resnet", num_blocks=(1, 1), width=4, **PIXELS), path)
  return path


def digits():
  return np.random.default_rng(0).random((5, 8, 8, 1), np.float32)


def written(path):
  return json.loads(path.with_name(f"{path.name}.json").read_text("utf-8"))


def config_file(folder, network, options):
  """A file whose config has this network."""
  file = folder / "config.py"
  file.write_text(
    "from tests.unit.test_export import config_of\n"
    f"def get_config():\n  return config_of({network!r}, **{options!r})\n"
  )
  return file


def test_exported_tensors_have_the_accuracy_of_the_run(run, tmp_path, capsys):
  out = tmp_path / "new" / "cnn.safetensors"
  assert command_line("export", f"--workdir={run}", f"--out={out}") == 0
  said = capsys.readouterr().out
  assert "mean = [0.3], std = [0.4]" in said.replace("\n", " ")
  with safe_open(out, "numpy") as file:
    assert file.metadata() == {"format": "pt"}
  assert load_tensors(out)["conv1.weight"].shape == (16, 1, 4, 4)
  few = f"--num_examples={NUM_EXAMPLES}"
  assert command_line("evaluate", f"--workdir={run}", few) == 0
  status = command_line(
    "evaluate",
    f"--config={config_file(tmp_path, 'small_cnn', PIXELS)}",
    f"--weights={out}",
    f"--workdir={tmp_path / 'again'}",
    few,
  )
  assert status == 0
  assert "each of 8 tensors has its place" in capsys.readouterr().out
  before, after = (
    list(json.loads((path / "report.json").read_text())["accuracy"].values())
    for path in (run, tmp_path / "again")
  )
  assert before == after
  assert command_line("export", f"--workdir={run}", f"--out={out}") == 0
  card = written(out)
  assert card["clean_acc"] == f"{100 * before[0]['clean']:.2f}"
  assert card["clean_num_examples"] == NUM_EXAMPLES
  assert card["command"].startswith("./launch.sh export --workdir=")
  assert card["evaluations"][0]["command"].endswith(few)
  (run / "report.json").unlink()


@pytest.mark.parametrize("layout", [None, "robustbench"])
def test_tensors_of_a_network_with_statistics_are_those_of_its_layout(
  residual, layout, tmp_path
):
  out = tmp_path / "residual.safetensors"
  card = export(load_run(residual), out, layout)
  names = set(load_tensors(out))
  assert {"bn1.running_var", "layer2.0.shortcut.1.running_mean"} <= names
  assert ({"mu", "sigma"} <= names) == (layout == "robustbench")
  assert card["normalization"] == {"mean": [0.3], "std": [0.4]}
  assert card["layout"] == layout or layout is None


def test_constants_that_a_layout_assumes_are_said(tmp_path, capsys):
  """A ConvNeXt of timm has the constants of ImageNet, this one has none."""
  sizes = {"num_blocks": (1,), "widths": (4,)}
  train(config_of("conv_next", **sizes), tmp_path / "run")
  run, out = load_run(tmp_path / "run"), tmp_path / "conv_next.safetensors"
  capsys.readouterr()
  export(run, out, "timm")
  said = capsys.readouterr().out.replace("\n", " ")
  assert "--layout=timm assumes mean = (0.485, 0.456, 0.406)" in said
  assert "the network has mean = (0.0,) and std = (1.0,)" in said
  read = functools.partial(
    load_network, out, "conv_next", layout="timm", image_shape=(8, 8, 1)
  )
  network, variables = read(**sizes, mean=(0.0,), std=(1.0,))
  found, expected = (
    jax.jit(model)(digits())
    for model in (inference_fn(network, variables), run.classifier())
  )
  np.testing.assert_array_equal(found, expected)


def test_a_layout_in_which_pytorch_would_compute_something_else_is_refused(
  residual, tmp_path
):
  out = tmp_path / "residual.safetensors"
  with pytest.raises(ValueError, match="networks with stem = 'imagenet'"):
    export(load_run(residual), out, "torchvision")
  assert list(tmp_path.iterdir()) == []


def test_the_model_and_layout_of_a_file_are_flags(residual, tmp_path, capsys):
  out = tmp_path / "residual.safetensors"
  export(load_run(residual), out, "robustbench")
  arguments = (
    "attack",
    f"--config={config_file(tmp_path, 'small_cnn', {})}",
    f"--weights={out}",
    "--layout=robustbench",
    "--attack=fgsm",
    f"--num_examples={NUM_EXAMPLES}",
    f"--out={tmp_path / 'attacked.npz'}",
  )
  network = "--model=resnet,num_blocks=(1,1),width=4"
  assert command_line(*arguments, network) == 0
  said = capsys.readouterr().out
  assert "layer2.0.shortcut.0" in said
  assert "8x4x1x1" in said
  assert "mean = (0.3,)" in said.replace("\n", " ")
  with np.load(tmp_path / "attacked.npz") as file:
    model = load_run(residual).classifier()
    predictions = jax.jit(model)(file["x_adv"]).argmax(axis=-1)
    np.testing.assert_array_equal(file["predictions"], predictions)
  assert command_line(*arguments, f"{network},mean=(0.5,)") == 2
  assert "mean = (0.5,), but the file has" in capsys.readouterr().err


def test_an_exported_program_computes_the_logits_and_their_gradient(
  run, tmp_path
):
  out = tmp_path / "cnn.stablehlo"
  export(load_run(run), out)
  loaded = jax.export.deserialize(bytearray(out.read_bytes())).call
  model = load_run(run).classifier()
  for size in (1, 5):
    x = digits()[:size]
    expected = jax.jit(model)(x)
    np.testing.assert_array_equal(jax.jit(loaded)(x), expected)
  gradients = [
    jax.jit(jax.grad(lambda x, f=f: f(x)[:, 0].sum()))(digits())
    for f in (loaded, model)
  ]
  np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-7)
  assert np.abs(gradients[0]).max() > 0


def test_what_was_not_measured_is_absent(residual, tmp_path, capsys):
  out = tmp_path / "residual.safetensors"
  card = export(load_run(residual), out)
  assert card == written(out)
  assert card["evaluations"] == []
  assert not any(name.endswith("_acc") for name in card)
  assert (card["threat_model"], card["eps"]) == ("Linf", EPS)
  assert card["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
  assert "clean: not measured" in capsys.readouterr().out


def audited(run, folder, **changes):
  """The card, where an audit has found this; `changes` are of its threat."""
  opened = load_run(run)
  threat = {"norm": "linf", "eps": 0.01, "version": "standard"} | changes
  folder.mkdir()
  (folder / "report.json").write_text(
    json.dumps(
      {
        "num_examples": 8,
        "attacks": ["autoattack"],
        "model_digest": fingerprint.of_model(opened.classifier(), digits()),
        "stages": [{"name": "clean", "accuracy": 0.75}],
        "worst_case_accuracy": 0.125,
        "matmul_precision": "highest",
        "command": "./launch.sh evaluate --attack=autoattack",
        "config": {"evaluation": {"autoattack": threat}},
      }
    )
  )
  return opened


def test_the_card_has_what_an_audit_measured_of_this_checkpoint(
  run, tmp_path, capsys
):
  opened = audited(run, run / "audit")
  card = export(opened, tmp_path / "cnn.safetensors")
  assert (card["clean_acc"], card["autoattack_acc"]) == ("75.00", "12.50")
  assert (card["threat_model"], card["eps"]) == ("Linf", 0.01)
  assert card["autoattack_num_examples"] == 8
  assert "AutoAttack: 12.50 % of 8 images" in capsys.readouterr().out
  (audit,) = card["evaluations"]
  assert audit["report"] == "audit/report.json"
  assert audit["command"] == "./launch.sh evaluate --attack=autoattack"
  first = min(opened.checkpoints)
  assert first != card["step"]
  other = export(load_run(run, first), tmp_path / "first.safetensors")
  assert other["evaluations"] == []
  # Only the whole standard version is called AutoAttack.
  shutil.rmtree(run / "audit")
  audited(run, run / "audit", version="rand")
  again = export(opened, tmp_path / "cnn.safetensors")
  assert "autoattack_acc" not in again
  assert again["clean_acc"] == "75.00"
  shutil.rmtree(run / "audit")


@pytest.mark.parametrize(
  ("arguments", "said"),
  [
    ([], "export needs --out"),
    (["--out=a.pt"], "named *.safetensors (tensors"),
    (["--out=a.stablehlo", "--layout=wong"], "has no names of tensors"),
    (["--out=a.safetensors", "--layout=madry"], "there is no 'madry'"),
    (["--out=a.safetensors", "--layout=trades"], "no network 'small_cnn'"),
    (["--out=a.safetensors", "--which=best,last"], "checkpoint to export"),
  ],
)
def test_what_is_asked_for_wrongly_is_told_in_one_line(
  run, arguments, said, tmp_path, capsys, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  assert command_line("export", f"--workdir={run}", *arguments) == 2
  error = capsys.readouterr().err
  assert said in error
  assert error.count("\n") == 1
  assert list(tmp_path.iterdir()) == []


def test_a_network_without_weights_is_refused(run, capsys):
  for flag in ("--model=resnet", "--layout=trades"):
    assert command_line("evaluate", f"--workdir={run}", flag) == 2
    assert "name one by --weights" in capsys.readouterr().err
