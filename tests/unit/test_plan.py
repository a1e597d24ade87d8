"""The cost of a run, planned without training it."""

import importlib

import jax
import jax.numpy as jnp
import pytest

from experiments.planning.described_step import described_step
from experiments.planning.plan import Cluster, plan, step_time
from robust_jax import parallel
from robust_jax.training.step_cost import all_reduced_bytes, shapes_of_step
from tests.unit.command_line import command_line

DIGITS = "experiments/configs/adversarial/digits_pgd.py:smoke"
GPU = Cluster(peak_tflops=100.0, utilization=0.5, bandwidth=10.0)


def config_of(name):
  return importlib.import_module(f"experiments.configs.{name}").get_config(
    "smoke"
  )


def columns(table):
  """The rows of each column, by name."""
  names, *others = (list(column.cells) for column in table.columns)
  return [dict(zip(names, cells, strict=True)) for cells in others]


def test_one_device_reduces_nothing():
  time = step_time(6e12, 1e9, num_devices=1, rate=2e12, sent=1e9)
  assert (time.total, time.efficiency) == (3.0, 1.0)


def test_a_ring_sends_nearly_twice_the_bytes_whatever_the_devices():
  few, many = (step_time(1e12, 5e8, n, 1e12, 1e9) for n in (2, 1000))
  assert few.all_reduce == 0.5
  assert many.all_reduce == pytest.approx(1.0, rel=1e-2)
  assert many.compute == pytest.approx(few.compute / 500)
  assert few.efficiency == 0.5 / (0.5 + 0.5)


def test_what_is_reduced_are_gradients_and_metrics():
  task, training = described_step(config_of("adversarial.digits_pgd"))
  state, batch = shapes_of_step(task, training)
  key = jax.eval_shape(lambda: jax.random.key(0))
  reduced = all_reduced_bytes(task.step, 8, state, batch, key)
  gradients = sum(4 * leaf.size for leaf in jax.tree.leaves(state.params))
  assert gradients < reduced < gradients + 100


def test_what_is_reduced_in_a_loop_counts_as_often():
  def step(x):
    return jax.lax.fori_loop(0, 3, lambda _, y: parallel.mean(y), x)

  assert all_reduced_bytes(step, 8, jnp.ones(10)) == 3 * 40


def test_a_plan_says_what_is_counted_elsewhere():
  config = config_of("adversarial.digits_pgd")
  table, assumptions = plan(config, [1, 4], GPU)
  one, four = columns(table)
  assert one["forward passes per example"] == "3"
  assert one["examples of a batch"] == four["examples of a batch"] == "16"
  assert (one["examples on a device"], four["examples on a device"]) == (
    "16",
    "4",
  )
  assert one["bytes of gradients"] == one["bytes of parameters"]
  assert (one["parallel efficiency"], one["  of which all-reducing"]) == (
    "100.0%",
    "0 us",
  )
  assert any("50 TFLOP/s" in sentence for sentence in assumptions)


@pytest.mark.parametrize(
  "name", ["gan.gaussian_ring", "domain.digits_dann", "text.electra"]
)
def test_runs_of_any_task_are_planned(name):
  table, _ = plan(config_of(name), [2], GPU)
  (found,) = columns(table)
  unknown = {row for row, value in found.items() if value == "unknown"}
  # A network that is called in parts has no passes to count.
  assert unknown <= {
    "forward passes per example",
    "backward passes per example",
  }
  assert found["examples on a device"] != "0"


def planned(*flags):
  return command_line("train", f"--config={DIGITS}", *flags)


def test_the_command_prints_a_table_and_trains_nothing(tmp_path, capsys):
  flags = ("--plan", "--devices=4", f"--workdir={tmp_path}/run")
  assert planned(*flags, "--bandwidth=25") == 0
  said = capsys.readouterr().out
  assert "peak memory of a device" in said
  assert "--bandwidth=25 GB/s" in said
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
  ("flags", "said"),
  [
    (
      ["--plan", "--devices=2,3"],
      "batch size 16 does not divide by the 3 devices",
    ),
    (["--plan", "--devices=0"], "--devices = 0: expected a whole number"),
    (["--plan", "--bandwidth=0"], "--bandwidth = 0.0: expected more than 0"),
    (["--devices=8"], "--devices is read by `train --plan` alone"),
  ],
)
def test_a_plan_that_cannot_be_is_refused_in_a_line(flags, said, capsys):
  assert planned(*flags) == 2
  assert said in capsys.readouterr().err
