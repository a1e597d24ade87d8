"""The list of runs below a folder: their status, and where configs differ."""

import json
import os
import shutil
import time

import pytest

from experiments.cli.output import locked
from experiments.load_run import load_run
from experiments.sweeps.list_runs import find_runs, list_runs, natural
from experiments.sweeps.run_summary import summarize
from robust_jax.training.result import failure_noted
from tests.unit.command_line import command_line


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  path = tmp_path_factory.mktemp("runs") / "trained"
  status = command_line(
    "train",
    "--config=experiments/configs/standard/mnist.py:smoke",
    "--config.model.name=mlp",
    "--config.training.num_epochs=2.0",
    f"--workdir={path}",
  )
  assert status == 0
  return path


@pytest.fixture
def copy(trained, tmp_path):
  """A copy of the run as if it had been killed behind its first epoch."""
  path = tmp_path / "copy"
  shutil.copytree(trained, path, ignore=lambda *_: ["checkpoints"])
  (path / "train_result.json").unlink()
  log = path / "metrics.jsonl"
  records = log.read_text("utf-8").splitlines()
  kept = [f"{r}\n" for r in records if json.loads(r)["step"] <= 2]
  log.write_text("".join(kept), encoding="utf-8")
  return path


def test_a_finished_run_is_summarized_as_it_opens(trained):
  summary, run = summarize(trained), load_run(trained)
  assert summary.status == "finished"
  assert (summary.step, summary.num_steps) == (4, 4)
  assert summary.best == run.checkpoints[run.step]
  assert summary.monitored == "accuracy"
  assert summary.seconds == pytest.approx(run.seconds)
  assert 0 <= summary.age < 600


def test_status_of_a_run_that_has_not_ended(copy):
  assert summarize(copy).status == "interrupted"
  assert (summarize(copy).step, summarize(copy).num_steps) == (2, 4)
  with locked(copy, "--workdir"):
    assert summarize(copy).status == "running"
    long_ago = time.time() - 7200
    for path in [*copy.iterdir(), copy]:
      os.utime(path, (long_ago, long_ago))
    assert summarize(copy).status == "stale"
    assert summarize(copy).age == pytest.approx(7200, abs=60)
  with pytest.raises(FloatingPointError), failure_noted(copy):
    raise FloatingPointError("loss is not finite after step 2.")
  assert summarize(copy).status == "failed"
  assert "loss is not finite" in summarize(copy).note
  with failure_noted(copy):  # tried again
    pass
  assert summarize(copy).status == "interrupted"


@pytest.mark.parametrize(
  ("name", "text"),
  [
    ("config.json", "{"),
    ("config.json", '{"training": 3}'),
    ("train_result.json", "[]"),
    ("metrics.jsonl", '{"split": "train", "step": "two"}\n{"a'),
  ],
)
def test_damaged_runs_are_named_among_the_others(
  copy, trained, name, text, capsys
):
  (copy / name).write_text(text, encoding="utf-8")
  shutil.copytree(copy, copy.parent / "other")
  shutil.copy(trained / "config.json", copy / "config.json")
  for path in (copy / "metrics.jsonl", copy / "train_result.json"):
    path.unlink(missing_ok=True)
  list_runs(copy.parent)
  _, first, second, *notes = capsys.readouterr().out.splitlines()
  assert first.split()[0] == "interrupted"
  assert second.split()[0] == "damaged"
  assert second.endswith(str(copy.parent / "other"))
  assert notes


def test_runs_below_a_folder_and_where_they_differ(trained, copy, capsys):
  home = copy.parent
  file = copy / "config.json"
  config = json.loads(file.read_text("utf-8"))
  config["optimizer"]["learning_rate"] = 0.125
  file.write_text(json.dumps(config), encoding="utf-8")
  assert command_line("runs", home, f"--differs_from={trained}") == 0
  heading, row, *differing = capsys.readouterr().out.splitlines()
  assert heading.split() == ["status", "step", "best", "age", "run"]
  assert row.split()[:4] == ["interrupted", "2", "of", "4"]
  assert row.endswith(str(copy))
  assert [line.strip() for line in differing] == [
    "config.optimizer.learning_rate: 0.005 there, 0.125 here"
  ]


def test_a_folder_without_runs_is_an_error(tmp_path, capsys):
  assert command_line("runs", tmp_path) == 2
  assert f"there is no run in {tmp_path}" in capsys.readouterr().err
  assert command_line("runs", tmp_path, "more") == 2
  assert "unexpected 'more'" in capsys.readouterr().err


def test_runs_within_runs_are_found_and_sorted_by_number(tmp_path):
  for name in ("a/10", "a/9.5", "a/9.5/control", "a/9.5/checkpoints/3"):
    (tmp_path / name).mkdir(parents=True)
    for file in ("config.json", "origin.json"):
      (tmp_path / name / file).touch()
  (tmp_path / "a" / "config.json").touch()  # nothing was trained there
  found = [str(path.relative_to(tmp_path)) for path in find_runs(tmp_path)]
  assert found == ["a/9.5", "a/9.5/control", "a/10"]
  assert natural("eps=1e-3") < natural("eps=0.01")
