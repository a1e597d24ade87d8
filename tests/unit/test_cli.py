"""The command line as a person meets it, mostly in processes of its own."""

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from tests.unit.command_line import command_line

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = "--config=experiments/configs/adversarial/digits_pgd.py"
FADER = "--config=experiments/configs/fader/digits.py"
DANN = "--config=experiments/configs/domain/digits_dann.py:smoke"
ATTACK = "--config.loss.attack"
# Three epochs of a few small batches, with checkpoints on the way.
SHORT = [
  CONFIG,
  "--config.model.name=small_cnn",
  "--config.data.train=train[:256]",
  "--config.data.validation=train[256:320]",
  "--config.training.batch_size=32",
  "--config.training.log_every=1",
  "--config.evaluation.batch_size=64",
  f"{ATTACK}.search.num_steps=2",
  "--config.evaluator.validation_attacks.robust.search.num_steps=2",
  "--config.optimizer.schedule=constant",
]


def command(*arguments):
  return [sys.executable, "-m", "experiments.main", *map(str, arguments)]


def run(*arguments, **environment):
  return subprocess.run(
    command(*arguments),
    cwd=ROOT,
    env=os.environ | environment,
    capture_output=True,
    text=True,
    check=False,
  )


def parameters(workdir):
  """The leaves of the newest checkpoint's parameters."""
  steps = [int(p.name) for p in (workdir / "checkpoints").iterdir()]
  state = ocp.StandardCheckpointer().restore(
    workdir / "checkpoints" / str(max(steps)) / "default"
  )
  flat = {}

  def walk(tree, path):
    for name, value in tree.items():
      if isinstance(value, dict):
        walk(value, f"{path}{name}/")
      else:
        flat[path + name] = np.asarray(value)

  walk(state["params"], "")
  return max(steps), flat


def assert_equal_parameters(a, b, **tolerance):
  (step_a, params_a), (step_b, params_b) = parameters(a), parameters(b)
  assert step_a == step_b
  assert params_a.keys() == params_b.keys()
  for name in params_a:
    np.testing.assert_allclose(params_a[name], params_b[name], **tolerance)


def wait_for(path, process, lines=1):
  while True:
    with contextlib.suppress(FileNotFoundError):
      if len(path.read_text().splitlines()) >= lines:
        return
    assert process.poll() is None, process.communicate()
    time.sleep(0.01)


@pytest.fixture(scope="module")
def same_bits():
  """The environment in which a GPU, too, computes the same bits again."""
  flags = os.environ.get("XLA_FLAGS", "")
  if jax.default_backend() == "gpu":
    flags += " --xla_gpu_deterministic_ops=true"
  return {"XLA_FLAGS": flags}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, same_bits):
  workdir = tmp_path_factory.mktemp("uninterrupted")
  result = run("train", *SHORT, LONG, f"--workdir={workdir}", **same_bits)
  assert result.returncode == 0, result.stderr
  return workdir


LONG = "--config.training.num_epochs=16.0"  # 144 lines of metrics


def test_killed_at_a_random_moment_and_run_again(
  uninterrupted, same_bits, tmp_path
):
  arguments = ("train", *SHORT, LONG, f"--workdir={tmp_path}")
  process = subprocess.Popen(
    command(*arguments),
    cwd=ROOT,
    env=os.environ | same_bits,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
  )
  seed = random.randrange(1000)
  wait_for(tmp_path / "metrics.jsonl", process, lines=20 + seed % 100)
  process.kill()
  process.communicate()
  result = run(*arguments, **same_bits)
  assert result.returncode == 0, result.stderr

  assert_equal_parameters(tmp_path, uninterrupted, rtol=0, atol=0)
  records = [
    [json.loads(r) for r in (path / "metrics.jsonl").read_text().splitlines()]
    for path in (tmp_path, uninterrupted)
  ]
  keys = [[(r["split"], r["step"]) for r in rows] for rows in records]
  assert keys[0] == keys[1], f"after {20 + seed % 100} lines"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_checkpoint_and_says_how_to_resume(signum, tmp_path):
  process = subprocess.Popen(
    command("train", *SHORT, LONG, f"--workdir={tmp_path}"),
    cwd=ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  wait_for(tmp_path / "metrics.jsonl", process, lines=12)
  process.send_signal(signum)
  out, err = process.communicate(timeout=60)
  assert process.returncode == 130, err
  last = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
  assert f"checkpoint of step {last['step']} is in {tmp_path}" in out
  assert "same command again to resume" in out
  assert parameters(tmp_path)[0] == last["step"]


def test_time_is_limited_by_max_minutes(tmp_path, capsys):
  train = ["train", *SHORT, f"--workdir={tmp_path}"]
  train.append("--config.training.num_epochs=0.5")
  assert command_line(*train, "--max_minutes=0") == 130
  assert "checkpoint of step 1" in capsys.readouterr().out
  assert command_line(*train) == 0
  assert parameters(tmp_path)[0] == 4


def test_two_processes_are_one_program(tmp_path):
  few = [*SHORT, "--config.training.num_epochs=1.0"]
  together, alone = tmp_path / "two", tmp_path / "one"
  flags = os.environ["XLA_FLAGS"]
  result = run(
    "--processes",
    2,
    "train",
    *few,
    f"--workdir={together}",
  )
  assert result.returncode == 0, result.stderr
  result = run(
    "train",
    *few,
    f"--workdir={alone}",
    XLA_FLAGS=f"{flags} --xla_force_host_platform_device_count=2",
  )
  assert result.returncode == 0, result.stderr
  # The sum over two is the same whoever adds, up to the last bits of Adam's
  # division by a small square root.
  assert_equal_parameters(together, alone, rtol=1e-4, atol=1e-5)


# ml_collections imports configs by a method that is to go.
@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["trian", CONFIG], "no command 'trian'; did you mean 'train'"),
    (["train"], "a --config is needed"),
    (
      ["train", CONFIG, "--config.loss.atack.set.eps=1.0"],
      "config.loss has no field 'atack'; did you mean 'attack'",
    ),
    (["train", CONFIG + ":smok"], "'smok': expected none or 'smoke'"),
    (["train", CONFIG, f"{ATTACK}.set.name=linff"], "mean 'linf'?"),
    (
      ["train", CONFIG, f"{ATTACK}.set.eps=-1.0"],
      "eps = -1.0: expected 0",
    ),
    (
      ["train", CONFIG, f"{ATTACK}.search.num_steps=0"],
      "num_steps = 0",
    ),
    (["train", CONFIG, "--config.task.name=nothing"], "no 'nothing' in"),
    (["train", CONFIG, "--workdir=/proc/nothing"], "cannot be written"),
    (["train", CONFIG, "--process_id=1"], "give all three"),
    (["evaluate", "--workdir=/nowhere"], "/nowhere holds no run"),
    (
      [
        "evaluate",
        FADER,
        "--workdir=/nowhere",
        "--attack=pgd",
      ],
      "evaluated by 'fader_report', which runs no attacks",
    ),
    (
      ["train", FADER, "--config.evaluation.independent_classifier=/nowhere"],
      "holds no run",
    ),
    (["train", DANN, "--config.data.target.test=tset"], "'tset'"),
    (["data", "mnst"], "did you mean 'mnist'"),
  ],
)
def test_bad_input_gets_one_clear_line_and_writes_nothing(
  arguments, message, tmp_path, capsys, monkeypatch
):
  monkeypatch.chdir(ROOT)
  if not any("workdir" in a for a in arguments):
    arguments = [*arguments, f"--workdir={tmp_path}/run"]
  assert command_line(*arguments) == 2
  said = capsys.readouterr().err
  assert message in said
  assert "Traceback" not in said
  assert said.count("error:") == 1
  assert list(tmp_path.iterdir()) == []


def test_bad_input_ends_a_process_without_a_traceback():
  result = run("train", CONFIG, "--config.seeed=1")
  assert result.returncode == 2
  assert "Traceback" not in result.stderr
  assert result.stderr.count("error:") == 1
