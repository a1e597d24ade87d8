"""The study of pre-training, and the runs of which it is made."""

import csv
import json
import time
from types import SimpleNamespace

import chex
import jax
import jax.numpy as jnp
import pytest

from experiments import build
from experiments.cli.parse_flags import load_config, parse_options
from experiments.load_run import load_run
from experiments.studies import pretraining
from experiments.train import train
from experiments.warm_start import warm_start_of
from experiments.workdir import read_config
from tests.unit.command_line import command_line

CONFIG = "experiments/configs/text/electra.py"
FINE_TUNING = "experiments/configs/text/fine_tuning.py"


SHORT = (
  f"--config={CONFIG}:smoke",
  "--methods=electra,scratch",
  "--tasks=smoke",
  "--speed_tasks=smoke",
  "--num_points=1",
)


def study(out, *flags):
  status = pretraining.main([*SHORT, f"--out={out}", *flags])
  with (out / "pretraining.csv").open(encoding="utf-8") as file:
    return status, list(csv.DictReader(file))


@pytest.fixture(scope="module")
def table(tmp_path_factory):
  out = tmp_path_factory.mktemp("study")
  status, rows = study(out)
  assert status == 0
  return out, rows


def test_a_line_for_each_method_and_a_picture(table):
  out, rows = table
  assert [row["method"] for row in rows] == ["electra", "scratch"]
  assert {row["status"] for row in rows} == {"finished"}
  assert all(0 <= float(row["smoke"]) <= 100 for row in rows)
  result = json.loads((out / "pretraining.json").read_text("utf-8"))
  electra, scratch = (row["points"] for row in result["rows"])
  assert [p["pflop"] for p in electra] == [float(rows[0]["pflop"])]
  assert [p["pflop"] for p in scratch] == [0]
  assert (out / "learning_speed.png").stat().st_size > 5000
  assert "| scratch | 0 |" in (out / "pretraining.md").read_text("utf-8")


def test_more_is_added_and_nothing_repeated(table):
  out, before = table
  files = sorted(out.rglob("measured.json"))
  times = [file.stat().st_mtime_ns for file in files]
  _, rows = study(out, "--seeds=0,1", "--max_minutes=0")
  assert rows[:2] == before
  assert [row["status"] for row in rows[2:]] == ["not started", "interrupted"]
  assert [file.stat().st_mtime_ns for file in files] == times


def test_methods_have_equal_compute(tmp_path):
  flags = (*SHORT, "--config.training.num_steps=1000", "--methods=electra,mlm")
  options = parse_options(pretraining._flags(flags), flags, "usage")
  configs = pretraining._configs(options, tmp_path)
  steps = {k: config.training.num_steps for k, (config, _) in configs.items()}
  compute = [steps[k] * pflop for k, (_, pflop) in configs.items()]
  assert compute[0] == pytest.approx(compute[1], rel=1e-2)
  assert steps["electra"] == 1000 < steps["mlm"]


def test_all_runs_have_one_tokenizer(table):
  files = list(table[0].rglob("tokenizer.json"))
  assert len(files) == 1 + 1 + 2
  assert len({file.read_bytes() for file in files}) == 1


def test_all_checkpoints_are_fine_tuned_on_the_tasks_of_the_picture():
  options = SimpleNamespace(tasks=("a", "b"), speed_tasks=("b",))
  run = SimpleNamespace(checkpoints={2: {}, 4: {}, 6: {}})
  tunings = list(pretraining._fine_tunings(run, options))
  assert tunings == [("a", 6), ("b", 6), ("b", 4), ("b", 2)]
  assert list(pretraining._fine_tunings(None, options)) == [("a", 0), ("b", 0)]


def test_fine_tuning_begins_with_the_encoder_and_a_new_layer(table, capsys):
  source = table[0] / "electra" / "0"
  encoder = load_run(source, "last").variables["params"]
  config = load_config(f"{FINE_TUNING}:smoke")
  with config.unlocked():
    config.data.tokenizer = {"run": str(source)}
    config.warm_start = {"run": str(source), "fresh": ("dense",)}
  task = build.experiment(config, warm_start_of(config)).task
  batch, _ = build.describe(config)
  blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), batch)
  begun = jax.jit(task.init)(jax.random.key(0), blank).params
  assert begun.keys() - encoder.keys() == {"dense"}
  chex.assert_trees_all_equal({k: begun[k] for k in encoder}, dict(encoder))
  said = capsys.readouterr().out
  assert f"warm start from {source} at step 2: blocks_0, " in said
  assert "new: dense." in said


def test_embeddings_of_other_tokens_are_refused(table, tmp_path):
  config = load_config(f"{FINE_TUNING}:smoke")
  with config.unlocked():
    source = str(table[0] / "electra" / "0")
    config.warm_start = {"run": source, "fresh": ("dense",)}
  with pytest.raises(ValueError, match="has another tokenizer than the data"):
    train(config, tmp_path)


def test_a_run_of_electra_resumes_bit_for_bit(table, tmp_path):
  whole = table[0] / "electra" / "0"
  config = read_config(whole)
  status = train(config, tmp_path, deadline=time.monotonic()).status
  assert status == "interrupted"
  assert train(config, tmp_path).status == "finished"
  chex.assert_trees_all_equal(
    *(load_run(path, "last").state for path in (whole, tmp_path))
  )


def test_from_the_command_line(tmp_path, capsys):
  workdir = f"--workdir={tmp_path}/electra"
  assert command_line("train", f"--config={CONFIG}:smoke", workdir) == 0
  log = (tmp_path / "electra" / "metrics.jsonl").read_text().splitlines()
  reported = json.loads(log[-1]).keys()
  assert {"auc", "precision", "recall", "masked_loss"} < reported
  capsys.readouterr()
  assert command_line("evaluate", workdir) == 2
  assert "deploys no classifier" in capsys.readouterr().err
