"""Checkpoints and defenses side by side, from the command line."""

import json

import pytest

from experiments import defended
from experiments.build import sections
from experiments.cli.named_options import section
from tests.unit.command_line import command_line

# ml_collections imports configs by a method that is to go.
pytestmark = pytest.mark.filterwarnings(
  "ignore:the load_module:DeprecationWarning"
)
CONFIG = "experiments/configs/adversarial/digits_pgd.py:smoke"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A run of two steps with a checkpoint after each."""
  path = tmp_path_factory.mktemp("runs") / "digits"
  assert (
    command_line(
      "train",
      f"--config={CONFIG}",
      "--config.training.evaluate_every_epochs=0.5",
      "--config.evaluation.radii=()",
      f"--workdir={path}",
    )
    == 0
  )
  return path


def accuracy(run):
  return json.loads((run / "report.json").read_text())["accuracy"]


def test_best_and_last_are_evaluated_side_by_side(run, capsys):
  assert (
    command_line("evaluate", f"--workdir={run}", "--which=best,last,1") == 0
  )
  names = list(accuracy(run))
  assert [name.partition(" (")[0] for name in names] == [
    "digits, best",
    "digits, last",
    "digits, 1",
  ]
  assert names[1].endswith("(step 2)")
  assert command_line("evaluate", f"--workdir={run}", "--which=7") == 2
  assert "no checkpoint of step 7" in capsys.readouterr().err
  attack = ("evaluate", f"--workdir={run}", "--which=best,last", "--attack=pgd")
  assert command_line(*attack) == 2
  assert "expected one checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize("more", ["--attack=pgd", "--certify"])
def test_a_baseline_of_one_model_is_refused(run, more, capsys):
  evaluate = ("evaluate", f"--workdir={run}", f"--baseline={run}")
  assert command_line(*evaluate, more) == 2
  assert "leave it out" in capsys.readouterr().err


def test_the_end_of_training_says_both(run, capsys):
  again = ("train", f"--config={CONFIG}", f"--workdir={run}")
  overrides = (
    "--config.training.evaluate_every_epochs=0.5",
    "--config.evaluation.radii=()",
  )
  assert command_line(*again, *overrides) == 0
  said = capsys.readouterr().out
  assert "robust_accuracy" in said
  assert "at the last" in said


def test_a_defense_stands_beside_the_model(run, capsys):
  evaluate = ("evaluate", f"--workdir={run}")
  assert command_line(*evaluate, "--defense=bit_depth,bits=2") == 0
  assert list(accuracy(run)) == ["digits", "digits behind bit_depth"]
  assert command_line(*evaluate, "--defense=bit_depth,bit=2") == 2
  assert "bit_depth has no option 'bit'" in capsys.readouterr().err
  assert command_line(*evaluate, "--defense=bitdept") == 2
  assert "did you mean 'bit_depth'" in capsys.readouterr().err
  assert command_line(*evaluate, "--defense=bit_depth,3") == 2
  assert "expected option=value" in capsys.readouterr().err


def test_an_ensemble_of_runs_is_a_defense(run, capsys):
  evaluate = ("evaluate", f"--workdir={run}", f"--config={CONFIG}")
  evaluate += ("--config.evaluation.radii=()", "--which=last")
  named = "--config.evaluation.defense"
  ensemble = (f"{named}.name=ensemble", f"{named}.runs=('{run}',)")
  assert command_line(*evaluate, *ensemble) == 0
  alone, together = accuracy(run).values()
  assert together.keys() == alone.keys()
  jpeg = (f"{named}.name=jpeg", f"{named}.runs=('{run}',)")
  assert command_line(*evaluate, *jpeg) == 2


def test_views_and_augmentations_are_sections():
  views = {
    "name": "random_views",
    "augmentation": {"name": "flip"},
    "count": 2,
  }
  named = {"name": "test_time_augmentation", "views": views}
  assert callable(defended.defended(lambda x: x, named))
  options = {"augmentation": [{"name": "flip"}, {"name": "cutout", "size": 2}]}
  assert callable(sections.defense({"name": "random_transformation"} | options))
  with pytest.raises(ValueError, match="expected none, because 'jpeg' wraps"):
    sections.defense({"name": "jpeg", "runs": ("a",)})


def test_a_flag_is_a_section():
  assert section(["jpeg", "quality=40", "a=(1, 2)", "b=flip"]) == {
    "name": "jpeg",
    "quality": 40,
    "a": (1, 2),
    "b": "flip",
  }
