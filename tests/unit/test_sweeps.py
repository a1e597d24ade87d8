"""Sweeps: combinations, resumption, tables, pictures, scripts of clusters."""

import csv
import json
import pathlib
import shlex
import subprocess

import numpy as np
import pytest
import yaml

from experiments.cli.parse_flags import config_arguments
from experiments.load_run import load_run
from experiments.sweeps import run, scripts
from experiments.sweeps.combinations import combinations, runs_of
from experiments.sweeps.plot import plot
from experiments.sweeps.tables import collect
from experiments.train import train
from experiments.workdir import differences
from robust_jax.plotting.error_bars import Point, draw_error_bars
from robust_jax.training import log
from robust_jax.training.result import read_result
from tests.unit.command_line import command_line

_CONFIG = (
  "--config=experiments/configs/standard/mnist.py:smoke",
  "--config.model.name=mlp",
)
_RATE = "config.optimizer.learning_rate"
_GRID = ("--grid", f"{_RATE}=0.1,0.01")


def _sweep(out, *flags):
  return command_line("sweep", *_CONFIG, f"--out={out}", *flags)


def _written(out):
  """When the runs of a sweep ended."""
  files = sorted(out.glob("*/*/train_result.json"))
  return {file.parent: file.stat().st_mtime_ns for file in files}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
  """A sweep of two learning rates from two seeds, trained in two halves."""
  folder = tmp_path_factory.mktemp("sweep") / "rates"
  assert _sweep(folder, *_GRID) == 0
  first = _written(folder)
  assert len(first) == 2
  assert _sweep(folder, *_GRID, "--seeds=0..1") == 0
  both = _written(folder)
  # What had ended is as it was.
  assert {path: both[path] for path in first} == first
  return folder


def test_each_combination_is_trained_from_each_seed(out):
  paths = [path.relative_to(out) for path in _written(out)]
  assert [str(path) for path in paths] == [
    "learning_rate=0.01/0",
    "learning_rate=0.01/1",
    "learning_rate=0.1/0",
    "learning_rate=0.1/1",
  ]
  for path in paths:
    config = json.loads((out / path / "config.json").read_text("utf-8"))
    assert config["optimizer"]["learning_rate"] == float(path.parent.name[14:])
    assert config["seed"] == int(path.name)


def test_the_table_has_the_numbers_of_the_runs(out):
  with (out / "sweep.csv").open(encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
  assert [float(row[_RATE]) for row in rows] == [0.01, 0.1]
  for row in rows:
    runs = [load_run(out / row["combination"] / seed) for seed in "01"]
    assert row["finished"] == "2"
    found = [run.checkpoints[run.step] for run in runs]
    assert {*found[0]} >= {"accuracy", "loss"}
    for name in found[0]:
      values = [metrics[name] for metrics in found]
      assert float(row[name]) == pytest.approx(np.mean(values))
      deviation = np.std(values, ddof=1)
      assert float(row[f"{name}_std"]) == pytest.approx(deviation)
    seconds = [run.seconds for run in runs]
    assert float(row["seconds"]) == pytest.approx(np.mean(seconds))


def test_tables_are_collected_without_training(out, capsys):
  files = [out / f"sweep.{kind}" for kind in ("md", "csv", "json")]
  before = [file.read_text("utf-8") for file in files]
  for file in files:
    file.unlink()
  flags = ("--collect", f"--plot={_RATE},accuracy")
  assert command_line("sweep", f"--out={out}", *flags) == 0
  assert [file.read_text("utf-8") for file in files] == before
  assert before[0] in capsys.readouterr().out
  assert (out / "accuracy_against_learning_rate.png").stat().st_size > 0


def test_an_interrupted_run_is_named_and_continues(tmp_path, monkeypatch):
  folder = tmp_path / "sweep"
  longer = "--config.training.num_epochs=2.0"
  with monkeypatch.context() as patched:
    at_once = lambda config, path, title, _: train(config, path, title, 0.0)
    patched.setattr(run, "train", at_once)
    assert _sweep(folder, longer) == 130
  path = folder / "config" / "0"
  assert read_result(path) is None
  (row,) = collect(folder)
  assert (row["finished"], row["seconds"]) == (0, None)
  assert "0 (interrupted at step 1)" in (folder / "sweep.md").read_text("utf-8")
  assert _sweep(folder, longer) == 0
  assert read_result(path).status == "finished"
  records = log.read(path)
  assert [r["step"] for r in records if r["split"] == "train"] == [1, 2, 3, 4]
  assert "0 (" not in (folder / "sweep.md").read_text("utf-8")


def test_a_run_that_fails_is_named_and_does_not_end_the_sweep(tmp_path, capsys):
  folder = tmp_path / "rates"
  longer = ("--config.optimizer.name=sgd", "--config.training.num_epochs=2.0")
  assert _sweep(folder, *longer, "--grid", f"{_RATE}=1e30,0.1") == 2
  said = capsys.readouterr().err
  failed = folder / "learning_rate=1e30" / "0"
  assert f"1 of the runs failed, such as {failed}" in said
  assert [*_written(folder)] == [folder / "learning_rate=0.1" / "0"]
  assert "0 (failed at step" in (folder / "sweep.md").read_text("utf-8")
  runs = json.loads((folder / "sweep.json").read_text("utf-8"))["runs"]
  assert [row["status"] for row in runs] == ["finished", "failed"]
  assert "loss is nan" in runs[1]["note"]


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    (["--grid", "config.optmizer.learning_rate=1"], "no field 'optmizer'"),
    (["--grid", f"{_RATE}=0.1,fast"], "'fast'"),
    (["--grid", f"{_RATE}=0.1,-1.0"], "learning_rate=-1.0: "),
    (["--grid", "config.model.name=mlp,mlq"], "'mlq'"),
    (["--grid", f"{_RATE}="], "expected config.FIELD=VALUE,VALUE"),
    (["--grid", "optimizer.name=sgd"], "expected config.FIELD=VALUE,VALUE"),
    ([*_GRID, *_GRID], "twice"),
    (["--grid", f"{_RATE}=0.1,0.1"], "whose folder would be"),
    (["--grid", "config.seed=1,2"], "set by --seeds"),
    (["--config.seed=1"], "set by --seeds"),
    (["--seeds=4..0"], "'4..0'"),
    (["--plot=accuracy"], "expected two quantities"),
  ],
)
def test_errors_are_one_line_before_anything_runs(
  flags, message, tmp_path, capsys
):
  assert _sweep(tmp_path / "sweep", *flags) == 2
  said = capsys.readouterr().err
  assert message in said
  assert said.count("\n") == 1
  assert not (tmp_path / "sweep").exists()


def test_a_folder_of_another_run_is_refused_before_anything_runs(out, capsys):
  before = _written(out)
  longer = "--config.training.num_epochs=3.0"
  assert _sweep(out, *_GRID, "--seeds=0..2", longer) == 2
  assert "holds a run of another config" in capsys.readouterr().err
  assert _written(out) == before


def test_grids_multiply_and_names_are_as_short_as_they_can_be():
  made = combinations(
    _CONFIG,
    [
      "config.optimizer.name=sgd,adam",
      "config.evaluation.curve.set.eps=0.1",
      "config.evaluation.attacks.pgd.set.eps=0.1,0.2",
      "config.evaluation.radii=(0.0,0.1),(0.2,)",
    ],
  )
  assert len(made) == 8
  first, *_, last = made
  assert first.name == (
    "optimizer=sgd_curve.set.eps=0.1_pgd.set.eps=0.1_radii=-0.0-0.1-"
  )
  assert last.config.evaluation.radii == (0.2,)
  assert last.config.optimizer.name == "adam"
  assert last.config.evaluation.attacks.pgd.set.eps == 0.2


def _planned(out, *grid):
  seeds, options = [0, 3], ["--matmul_precision=highest"]
  swept = combinations(_CONFIG, grid)
  return swept, seeds, scripts.commands(swept, seeds, out, options)


def test_a_printed_command_makes_the_run_that_the_sweep_makes():
  out = pathlib.Path("runs/a sweep")
  swept, seeds, commands = _planned(out, f"{_RATE}=0.1,0.01")
  assert len(commands) == 4
  for command, (_, config, path) in zip(
    commands, runs_of(swept, seeds, out), strict=True
  ):
    program, name, *arguments = shlex.split(command)
    assert (program, name) == ("./launch.sh", "train")
    assert f"--workdir={path}" in arguments
    assert arguments[-1] == "--matmul_precision=highest"
    (alone,) = (
      one.config for one in _without_seed(config_arguments(arguments))
    )
    assert set(differences(alone, config)) <= {"seed"}
    assert f"--config.seed={config.seed}" in arguments


def _without_seed(arguments):
  return combinations([a for a in arguments if "seed" not in a], [])


@pytest.mark.parametrize("cluster", ["slurm", "skypilot"])
def test_each_index_of_a_cluster_runs_one_command(cluster, tmp_path):
  out = pathlib.Path("runs/it's")
  _, _, commands = _planned(out, "config.data.train=train[:32],train[:16]")
  if cluster == "slurm":
    text = scripts.slurm_script(commands, "a_sweep")
    variable = "SLURM_ARRAY_TASK_ID"
    assert "#SBATCH --array=0-3\n" in text
  else:
    task = yaml.safe_load(
      scripts.skypilot_task(commands, "a_sweep", "task.yaml", out)
    )
    assert task["envs"] == {"RUN": None}
    text, variable = task["run"], "RUN"
  program = tmp_path / "launch.sh"
  program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
  program.chmod(0o755)
  for index, command in enumerate([*commands, None]):
    done = subprocess.run(
      ["bash", "-c", text],
      cwd=tmp_path,
      env={variable: str(index), "PATH": "/usr/bin:/bin"},
      capture_output=True,
      text=True,
      check=False,
    )
    if command is None:
      assert done.returncode == 2
    else:
      assert done.stdout.splitlines() == shlex.split(command)[1:]


def test_scripts_are_written_and_nothing_is_trained(tmp_path, capsys):
  out, files = tmp_path / "sweep", [tmp_path / "a.sh", tmp_path / "a.yaml"]
  flags = ("--print_commands", f"--slurm={files[0]}", f"--skypilot={files[1]}")
  assert _sweep(out, *_GRID, *flags) == 0
  commands = capsys.readouterr().out.splitlines()
  assert len(commands) == 2
  for file in files:
    assert all(command in file.read_text("utf-8") for command in commands)
  assert not out.exists()


def test_lines_of_a_picture_are_what_else_differs(tmp_path, monkeypatch):
  drawn = {}
  draw = lambda path, lines, *labels: drawn.update({path.name: lines})
  monkeypatch.setattr("experiments.sweeps.plot.draw_error_bars", draw)
  rows = [
    {
      "combination": f"{loss} {eps}",
      "config.loss.name": loss,
      "config.loss.beta": beta,
      "config.eps": eps,
      "finished": 2,
      "accuracy": eps + (beta or 0),
      "accuracy_std": None,
      "seconds": 1.0,
      "seconds_std": 0.5,
    }
    for loss, beta in (("trades", 6.0), ("pgd_at", None))
    for eps in (0.1, 0.2)
  ]
  plot(rows, tmp_path, "config.eps", "accuracy")
  lines = drawn["accuracy_against_eps.png"]
  assert lines["loss=trades, beta=6.0"] == [Point(0.1, 6.1), Point(0.2, 6.2)]
  # beta depends on the loss, so it makes no lines of its own.
  plot(rows, tmp_path, "config.loss.name", "seconds")
  lines = drawn["seconds_against_loss.png"]
  assert [*lines] == ["eps=0.1", "eps=0.2"]
  assert lines["eps=0.1"][1] == Point("pgd_at", 1.0, 0.0, 0.5)
  plot(rows, tmp_path, "seconds", "accuracy")
  assert len(drawn["accuracy_against_seconds.png"]) == 4
  with pytest.raises(ValueError, match=r"'acuracy'.*expected one of.*accuracy"):
    plot(rows, tmp_path, "config.eps", "acuracy")


def test_error_bars_are_drawn_of_numbers_and_of_names(tmp_path):
  for x in ((2.0, 1.0), ("a", "b")):
    lines = {
      name: [Point(x[0], 0.5, 0.0, 0.1), Point(x[1], 0.7)] for name in "uv"
    }
    draw_error_bars(tmp_path / f"{x[0]}.png", lines, "x", "y")
    assert (tmp_path / f"{x[0]}.png").stat().st_size > 0


def test_a_deadline_that_has_passed_begins_nothing(tmp_path):
  swept = combinations(_CONFIG, [])
  assert run.run(swept, [0], tmp_path, deadline=0.0) == 130
  assert not [*tmp_path.iterdir()]
