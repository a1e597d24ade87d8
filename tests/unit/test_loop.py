"""The loop on a task whose course is known."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import parallel
from robust_jax.data.loader import Loader
from robust_jax.training import log
from robust_jax.training.checkpoint import Checkpoints
from robust_jax.training.dry_run import dry_run
from robust_jax.training.early_stopping import EarlyStopping
from robust_jax.training.loop import LoopConfig, train
from robust_jax.training.monitor import Monitor
from robust_jax.training.step_cost import StepCost
from robust_jax.types import State, Task

KEY = jax.random.key(0)


def loader(num_steps):
  def indices(start):
    step = start
    while num_steps is None or step < num_steps:
      yield {"x": np.full((4, 1), step, np.float32), "mask": np.ones(4)}
      step += 1

  return Loader((), indices, parallel.decode_batch, num_steps or 10)


def task(loss=lambda step: 1.0, score=lambda step: 0.5):
  """Adds up the batches; loss and score are given functions of the step."""

  def init(key, batch):
    del key, batch
    return State(jnp.int32(0), {"sum": jnp.zeros(())}, {}, (), None)

  def step(state, batch, key):
    del key
    total = state.params["sum"] + parallel.mean(batch["x"].mean())
    new = state._replace(step=state.step + 1, params={"sum": total})
    return new, {"loss": (loss(state.step + 1), jnp.float32(1))}

  def evaluate(state, batch, key):
    del batch, key
    return {"score": (jnp.float32(score(state.step)), jnp.float32(1))}

  identity = lambda state: lambda x: x
  return Task(init, step, evaluate, identity, lambda state: state.params)


def config(**changes):
  values = {"num_steps": 20, "log_every": 3, "evaluate_every": 5}
  return LoopConfig(**values | {"monitor": Monitor("score")} | changes)


SCORE = Monitor("score")


def run(task, workdir, monitor=SCORE, **stopping):
  course = config(monitor=monitor, stopping=EarlyStopping(**stopping))
  return train(task, loader(None), loader(1), course, KEY, workdir)


def restored(workdir):
  checkpoints = Checkpoints(workdir / "checkpoints", 2, Monitor("score"))
  try:
    return checkpoints.restore_latest(task().init(KEY, None))
  finally:
    checkpoints.close()


def test_every_batch_is_seen_once_in_order(tmp_path):
  result = run(task(), tmp_path)
  assert (result.status, result.step) == ("finished", 20)
  assert restored(tmp_path).params["sum"] == sum(range(20))


def test_what_is_logged(tmp_path):
  run(task(loss=lambda step: step * 1.0), tmp_path)
  records = log.read(tmp_path)
  train_records = [r for r in records if r["split"] == "train"]
  # Every third step, and before each evaluation and checkpoint.
  steps = [r["step"] for r in train_records]
  assert steps == [3, 5, 6, 9, 10, 12, 15, 18, 20]
  # The mean over the steps since the record before.
  assert [r["loss"] for r in train_records][:3] == [2.0, 4.5, 6.0]
  assert [r["epoch"] for r in train_records][:2] == [0.3, 0.5]
  assert all(r["examples_per_second"] > 0 for r in train_records)
  assert train_records[0]["compile_seconds"] > 0
  validation = [r["step"] for r in records if r["split"] == "validation"]
  assert validation == [5, 10, 15, 20]
  assert list((tmp_path / "tensorboard").iterdir())


def test_what_a_step_costs_is_logged_once_and_the_rate_always(tmp_path):
  cost = StepCost(3.0, 2.0, {"float32": 1e9})
  train(task(), loader(None), loader(1), config(), KEY, tmp_path, cost=cost)
  first, *others = (r for r in log.read(tmp_path) if r["split"] == "train")
  assert (first["forward_passes"], first["backward_passes"]) == (3, 2)
  assert first["flop_per_step"] == 1e9
  for record in (first, *others):
    assert record["seconds_per_step"] == pytest.approx(
      4 / record["examples_per_second"]
    )
    at_matmul_rate = 1e9 / first["matmul_flop_per_second"]
    assert record["matmul_fraction"] == pytest.approx(
      at_matmul_rate / record["seconds_per_step"]
    )
    known = all(device.memory_stats() for device in jax.local_devices())
    assert ("peak_memory_bytes" in record) == known
  once = {"forward_passes", "flop_per_step", "matmul_flop_per_second"}
  assert not any(once & record.keys() for record in others)


def test_what_is_not_known_of_a_step_is_left_out(tmp_path, capsys):
  cost = StepCost(math.nan, math.nan, {"float32": math.nan})
  train(task(), loader(None), loader(1), config(), KEY, tmp_path, cost=cost)
  first, *_ = log.read(tmp_path)
  assert not [name for name in first if "passes" in name or "flop" in name]
  assert "matmul_fraction" not in first
  assert "nan" not in capsys.readouterr().out


def test_a_finished_run_is_not_run_again(tmp_path):
  first = run(task(), tmp_path)
  before = (tmp_path / "metrics.jsonl").read_bytes()
  assert run(task(), tmp_path) == first
  assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(tmp_path):
  bad = task(loss=lambda step: jnp.where(step >= 13, jnp.nan, 1.0))
  with pytest.raises(FloatingPointError, match="loss is nan at step 13"):
    run(bad, tmp_path)
  assert restored(tmp_path).step == 10
  # And again: the same batches lead to the same place.
  with pytest.raises(FloatingPointError, match="at step 13"):
    run(bad, tmp_path)


def test_a_drop_stops_with_the_best_checkpoint(tmp_path):
  falling = task(score=lambda step: jnp.where(step <= 10, 0.1 * step, 0.5))
  result = run(falling, tmp_path, max_drop=0.2)
  assert (result.status, result.step) == ("stopped_early", 15)
  assert result.best_step == 10
  assert (
    json.loads((tmp_path / "train_result.json").read_text())["best_step"] == 10
  )


def test_a_small_drop_does_not_stop(tmp_path):
  wavering = task(score=lambda step: jnp.where(step == 10, 0.4, 0.5))
  assert run(wavering, tmp_path, max_drop=0.2).status == "finished"


def test_a_metric_that_falls_is_best_where_it_is_smallest(tmp_path):
  distance = task(score=lambda step: jnp.where(step <= 10, 20.0 - step, 16.0))
  monitor = Monitor("score", "min")
  result = run(distance, tmp_path / "a", monitor=monitor, max_drop=5.0)
  assert (result.status, result.step) == ("stopped_early", 15)
  assert result.best_step == 10
  result = run(distance, tmp_path / "b", monitor=monitor, max_drop=6.0)
  assert (result.status, result.best_step) == ("finished", 10)


def test_metrics_below_their_bounds_are_warned_of_and_training_goes_on(
  tmp_path, capsys
):
  narrow = task(score=lambda step: jnp.where(step == 15, 0.25, 0.5))
  monitor = Monitor("score", warn_below={"score": 0.3})
  assert run(narrow, tmp_path, monitor=monitor, max_drop=1.0).step == 20
  said = capsys.readouterr().out
  warning = "score = 0.25 is below training.warn_below = 0.3; the best is step"
  assert [line for line in said.splitlines() if "warn_below" in line] == [
    f"step 15: {warning} 10."
  ]
  course = config(monitor=Monitor("score", warn_below={"spread": 0.3}))
  with pytest.raises(ValueError, match=r"monitors 'spread'.*reports score"):
    dry_run(narrow, loader(None), loader(1), course)


def test_early_stopping_is_reported_with_the_numbers(tmp_path, capsys):
  rising = task(score=lambda step: 1.0 * step)
  run(rising, tmp_path, monitor=Monitor("score", "min"), max_drop=2.0)
  said = capsys.readouterr().out
  assert "step 10: score = 10 is worse than its best by 5" in said
  assert "best checkpoint is that of step 5" in said


def test_a_run_that_never_rises_above_chance_stops_after_its_warm_up(
  tmp_path, capsys
):
  flat = task(score=lambda step: 0.1 + 0.001 * (step == 5))
  result = run(flat, tmp_path, floor=0.15, floor_after=12)
  assert (result.status, result.step) == ("stopped_early", 15)
  assert result.best_step == 5
  said = capsys.readouterr().out
  assert "step 15: score = 0.1 is worse than training.floor = 0.15" in said
  assert "the best checkpoint is that of step 5" in said
  # And it is not begun again.
  assert run(flat, tmp_path, floor=0.15, floor_after=12) == result


def test_a_fall_to_chance_stops_that_is_no_large_drop(tmp_path):
  falling = task(score=lambda step: jnp.where(step <= 10, 0.25, 0.1))
  result = run(falling, tmp_path, max_drop=0.2, floor=0.15)
  assert (result.status, result.step) == ("stopped_early", 15)
  assert result.best_step in (5, 10)


def test_a_run_that_stops_at_its_first_evaluation_keeps_it(tmp_path):
  result = run(task(score=lambda step: 0.1), tmp_path, floor=0.15)
  assert (result.status, result.best_step) == ("stopped_early", 5)
  assert restored(tmp_path).step == 5


def test_the_floor_of_a_metric_that_falls_is_above_it(tmp_path):
  rising = task(score=lambda step: 1.0 * step)
  monitor = Monitor("score", "min")
  result = run(rising, tmp_path, monitor=monitor, max_drop=99.0, floor=12.0)
  assert (result.status, result.step) == ("stopped_early", 15)


def test_a_metric_that_is_no_number_is_never_the_best(tmp_path):
  vanishing = task(score=lambda step: jnp.where(step <= 10, 0.1, jnp.nan))
  result = run(vanishing, tmp_path, max_drop=float("inf"))
  assert (result.status, result.best_step) == ("finished", 10)


def test_an_unknown_mode_is_refused():
  with pytest.raises(ValueError, match=r"monitor_mode = 'less': .* max, min"):
    Monitor("score", "less")


def test_an_unknown_metric_to_monitor_is_refused_with_what_there_is():
  with pytest.raises(ValueError, match=r"'robust', but .* reports score"):
    dry_run(task(), loader(None), loader(1), config(monitor=Monitor("robust")))


@pytest.mark.parametrize("name", ["num_steps", "log_every", "evaluate_every"])
def test_a_config_of_nothing_is_refused(name):
  with pytest.raises(
    ValueError, match=rf"training\.{name} = 0: expected .* 1 or more"
  ):
    config(**{name: 0})
