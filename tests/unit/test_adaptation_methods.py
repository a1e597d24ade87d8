"""The table of methods, from runs that are already there."""

import functools
import json
import re

import pytest
from ml_collections import ConfigDict

from experiments import build, workdir
from experiments.configs import adaptation
from experiments.configs.domain import digits_dann
from experiments.origin import origin
from experiments.reports.adaptation_report import RULES
from experiments.studies.adaptation_methods import main
from experiments.train import control_config
from robust_jax.training.dry_run import dry_run

pytestmark = pytest.mark.usefixtures("few_drawn_digits")


def _finished(path, accuracy):
  method, seed = path.parts[-2:]
  config = digits_dann.get_config(method)
  with config.unlocked():
    config.seed = int(seed)
    if "control" in config:  # as the program trains it
      del config.control
  loaders = build.loaders(config)[:2]
  workdir.open_run(path, config, origin(config, *loaders))
  model = {
    "target_accuracy": dict.fromkeys(RULES, accuracy),
    "source_accuracy": 0.9,
    "a_distance": 1.5,
  }
  (path / "report.json").write_text(json.dumps({"models": {"x": model}}))


def test_finished_runs_are_tabulated_and_not_trained_again(tmp_path, capsys):
  for seed, accuracy in enumerate((0.6, 0.7, 0.8)):
    _finished(tmp_path / "dann" / str(seed), accuracy)
    _finished(tmp_path / "source_only" / str(seed), 0.5)
  arguments = ["--experiment", "digits_dann", "--out", str(tmp_path)]
  assert main([*arguments, "--methods=source_only,dann"]) == 0
  said = " ".join(capsys.readouterr().out.split())
  # The sample deviation of 60, 70 and 80 is 10.
  assert "dann 70.0±10.0" in said
  assert "source_only 50.0±0.0" in said
  methods = json.loads((tmp_path / "methods.json").read_text())["methods"]
  assert methods["dann"]["oracle"] == [0.6, 0.7, 0.8]


def test_a_report_of_another_config_is_refused(tmp_path):
  _finished(tmp_path / "dann" / "0", 0.6)
  arguments = ["--experiment", "digits_dann", "--out", str(tmp_path)]
  arguments += ["--methods", "dann", "--seeds", "0"]
  assert main(arguments) == 0
  with pytest.raises(
    ValueError, match=r"training\.num_steps: 2500 there, 9 here"
  ):
    main([*arguments, "--num_steps", "9"])


def test_a_report_of_other_data_or_of_an_unknown_run_is_refused(tmp_path):
  path = tmp_path / "dann" / "0"
  _finished(path, 0.6)
  arguments = ["--experiment", "digits_dann", "--out", str(tmp_path)]
  arguments += ["--methods", "dann", "--seeds", "0"]
  known = json.loads((path / "origin.json").read_text())
  other = json.dumps(known | {"the training data": "0" * 16})
  (path / "origin.json").write_text(other)
  with pytest.raises(ValueError, match="of another run: the training data"):
    main(arguments)
  (path / "config.json").unlink()
  with pytest.raises(ValueError, match="holds no run"):
    main(arguments)


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_report_that_is_damaged_is_named(tmp_path, text):
  _finished(tmp_path / "dann" / "0", 0.6)
  report = tmp_path / "dann" / "0" / "report.json"
  report.write_text(text)
  arguments = ["--experiment", "digits_dann", "--out", str(tmp_path)]
  with pytest.raises(ValueError, match=re.escape(str(report))):
    main([*arguments, "--methods", "dann", "--seeds", "0"])


@functools.cache
def _rehearsed(config):
  """Methods fraction their controls, which are rehearsed once."""
  dry_run(*build.experiment(ConfigDict(json.loads(config))))


@pytest.mark.parametrize("method", adaptation.METHODS)
def test_every_method_can_be_trained_and_has_a_fair_control(method):
  """The source alone, with the BatchNorm of the method; itself has none."""
  config = digits_dann.get_config(method)
  aligns_nothing = ("source_only", "source_only_bn", "on_target", "fine_tuned")
  assert ("control" in config) == (method not in aligns_nothing)
  dry_run(*build.experiment(config))
  if "control" in config:
    control = control_config(config)
    assert control.alignment.name == "source_only"
    assert control.task.name == "domain"
    assert control.task.batch_norm == config.task.batch_norm
    assert control.model == config.model
    _rehearsed(control.to_json(sort_keys=True))


def test_an_unknown_method_is_refused():
  with pytest.raises(
    ValueError, match=r"methods=magic: value should be one of <dann\|source_"
  ):
    main(["--experiment", "digits_dann", "--methods", "magic"])


def test_fine_tuning_begins_with_the_same_seeds_source_only(tmp_path):
  """And leaves nothing where there is no such run."""
  config = digits_dann.get_config("fine_tuned")
  assert config.warm_start.run == "runs/digits_dann_source_only"
  assert config.data.sources.photo_digits.train == "train[:100]"
  arguments = ["--experiment", "digits_dann", "--out", str(tmp_path)]
  start = re.escape(str(tmp_path / "source_only" / "7"))
  with pytest.raises(ValueError, match=f"{start} holds no run"):
    main([*arguments, "--methods", "fine_tuned", "--seeds", "7"])
  assert not (tmp_path / "fine_tuned").exists()


def test_the_ceiling_learns_from_labels_of_the_target():
  data = digits_dann.get_config("on_target").data
  (source,) = data.sources.items()
  assert source[0] == data.target.name == "photo_digits"
  assert {"name": source[0], **source[1]} == data.target.to_dict()
