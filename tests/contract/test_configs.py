"""Every experiment config runs, and says what it is."""

import importlib
import json
import pathlib

import jax
import jax.numpy as jnp
import PIL.Image
import pytest

from experiments import build
from experiments.build import sections
from experiments.evaluate import evaluate
from experiments.load_run import load_run
from experiments.train import train
from robust_jax.data.images import image_shape
from robust_jax.models.inference import inference_fn
from robust_jax.training import log
from robust_jax.training.dry_run import dry_run

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIGS = sorted(
  str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")
  for path in (ROOT / "experiments" / "configs").glob("*/*.py")
  if path.stem != "__init__"
)


def _family(name):
  """The report of a config, or its folder; those of one are evaluated alike."""
  config = importlib.import_module(name).get_config("smoke")
  return config.get("report", name.split(".")[-2])


# One of each family is run to its end; of the others all that a run computes
# is traced: in their smoke form they have data and network in common.
TRAINED = list({_family(name): name for name in CONFIGS}.values())


@pytest.mark.parametrize("name", [n for n in CONFIGS if n not in TRAINED])
def test_smoke_is_ready_to_train_and_evaluate(name):
  config = importlib.import_module(name).get_config("smoke")
  dry_run(*build.experiment(config, trained=_CLASSIFIER))
  if "report" not in config and "attacks" in config.evaluation:
    _dry_run_attacks(config)


# In place of one that `train` would train first.
_CLASSIFIER = dict.fromkeys(
  ("features_fn", "logits_fn"), lambda x: x.reshape(len(x), -1)
)


def _dry_run_attacks(config):
  """Traces what the evaluation computes, on two images of the test data."""
  dataset = build.dataset(config, "test")
  model = build.model(config, dataset.info)

  def attacked(key, x, labels, eps):
    logits_fn = inference_fn(model, model.init(key, x))
    attacks = sections.build("attacks", config.evaluation.attacks)
    attacks["curve"] = sections.attack(config.evaluation.curve, eps=eps)
    return [attack(key, logits_fn, x, labels) for attack in attacks.values()]

  x, labels = jnp.zeros((2, *image_shape(dataset))), jnp.zeros(2, jnp.int32)
  results = jax.eval_shape(attacked, jax.random.key(0), x, labels, 0.1)
  assert {result.shape for result in results} == {x.shape}


@pytest.mark.parametrize("name", TRAINED)
def test_smoke_trains_two_steps_and_evaluates(name, tmp_path):
  config = importlib.import_module(name).get_config("smoke")
  outcome = train(config, tmp_path)
  assert (outcome.status, outcome.step) == ("finished", 2)

  steps = [r["step"] for r in log.read(tmp_path) if r["split"] == "train"]
  assert steps == [1, 2]
  for file in tmp_path.rglob("config.json"):  # what is beside it as well
    assert load_run(file.parent, "last").step == 2
  if "pictures" in config:
    _pictures(tmp_path)
  if "report" in config or "attacks" in config.evaluation:
    _CHECKS[config.get("report", "attacks")](config, tmp_path)


def _pictures(path):
  """They are drawn at the beginning and at each evaluation, and animated."""
  folders = list(path.glob("pictures/*"))
  assert folders
  for folder in folders:
    frames = sorted(file.stem for file in folder.iterdir())
    assert (frames[0], frames[-1]) == ("00000000", "00000002")
    with PIL.Image.open(path / f"{folder.name}.webp") as animation:
      assert animation.n_frames == len(frames)


def _attacks(config, path):
  run = load_run(path)
  report = evaluate(
    {"model": run.classifier()}, config, path, records={"model": run.records}
  )
  assert report == json.loads((path / "report.json").read_text())
  accuracy = report["accuracy"]["model"]
  assert set(accuracy) == {"clean", *config.evaluation.attacks, "worst case"}
  assert accuracy["worst case"] <= min(accuracy.values())
  assert report["curve"]["model"][0] == accuracy["clean"]  # eps = 0
  for picture in ("training", "robust_accuracy", "examples"):
    assert (path / f"{picture}.png").stat().st_size > 5000


def _adaptation(config, path):
  """Training ended with the config's own report."""
  assert load_run(path).classifier() is not None
  report = json.loads((path / "report.json").read_text())
  assert len(report["models"]) == 1 + ("control" in config)
  assert all(len(m["checkpoints"]) == 2 for m in report["models"].values())
  for picture in ("domain_curves", "features"):
    assert (path / f"{picture}.png").stat().st_size > 5000


def _fader(config, path):
  """Training began with a control and ended with the config's own report."""
  with pytest.raises(ValueError, match="task 'fader', which deploys no class"):
    load_run(path).classifier()
  report = json.loads((path / "report.json").read_text())
  control = json.loads((path / "control" / "config.json").read_text())
  assert control["task"]["beta"] == 0 < config.task.beta
  assert report["run"].keys() == report["control"].keys()
  assert report["reconstruction_ratio"] > 0
  assert (path / "grid.png").stat().st_size > 5000


def _pix2pix(config, path):
  """Training began with a reader, if any, and ended with the report."""
  report = json.loads((path / "report.json").read_text())
  measured = {"mae", "psnr", "ssim"}
  if "independent_classifier" in config:
    measured |= {"feature_distance", "accuracy", "class_accuracy", "mean_iou"}
    assert 0 <= report["targets"]["accuracy"] <= 1
  assert set(report["runs"]["run"]) == measured
  assert (path / "translations.png").stat().st_size > 1000


def _detection(config, path):
  """Training ended with the config's own report."""
  report = json.loads((path / "report.json").read_text())
  found = report["runs"]["run"]
  assert 0 <= found["vanish_ap50"] <= 1
  assert {"ap50", "threshold", "vanish_vanished"} <= set(found)


def _generation(config, path):
  """Training ended with the config's own report."""
  report = json.loads((path / "report.json").read_text())
  assert report["step"] in (1, 2)
  assert set(report["floor"]) < set(report["generated"])
  assert "| Frechet distance |" in (path / "report.md").read_text()


_CHECKS = {
  "attacks": _attacks,
  "adaptation_report": _adaptation,
  "detection_report": _detection,
  "fader_report": _fader,
  "fader_attributes_report": _fader,
  "pix2pix_report": _pix2pix,
  "generation_report": _generation,
}


@pytest.mark.parametrize("name", CONFIGS)
def test_config_is_plain_values_under_a_header(name):
  module = importlib.import_module(name)
  config = module.get_config()
  assert json.loads(config.to_json())
  assert "Command:" in module.__doc__
  assert module.__name__.split(".")[-1] + ".py" in module.__doc__.replace(
    "\\\n", ""
  )
  with pytest.raises(ValueError, match="'smok': expected none or 'smoke'"):
    module.get_config("smok")
