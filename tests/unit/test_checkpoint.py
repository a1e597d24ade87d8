import contextlib
import gc
import os
import pathlib
import pickle
import resource
import shutil

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax.training.checkpoint import Checkpoints
from robust_jax.training.monitor import Monitor
from robust_jax.types import State
from tests.unit.trap import Trap

OPTIMIZER = optax.adam(optax.linear_schedule(1.0, 0.0, 10))


def state(step, shape=(3, 4)):
  params = {"layer": {"kernel": jnp.full(shape, float(step))}}
  return State(jnp.int32(step), params, {}, OPTIMIZER.init(params))


@pytest.fixture
def opened(tmp_path):
  managers = []

  def open_(keep_last=2, read_only=False, mode="max"):
    managers.append(
      Checkpoints(
        tmp_path / "checkpoints",
        keep_last,
        Monitor("score", mode),
        read_only=read_only,
      )
    )
    return managers[-1]

  yield open_
  for manager in managers:
    with contextlib.suppress(ValueError):  # was said already
      manager.close()


def test_what_was_saved_comes_back_bit_for_bit(opened):
  checkpoints = opened()
  checkpoints.save(state(5), {"score": 0.1})
  checkpoints.wait()
  restored = opened().restore_latest(state(0))
  assert isinstance(restored, State)
  chex.assert_trees_all_equal(restored, jax.device_get(state(5)))


def test_the_newest_and_the_best_are_kept(opened):
  checkpoints = opened()
  for step, score in enumerate([0.1, 0.9, 0.3, 0.2, 0.4], start=1):
    checkpoints.save(state(step), {"score": score})
  checkpoints.wait()
  again = opened()
  assert again.best_step() == 2
  assert again.best_score == 0.9
  assert again.restore("best", state(0)).step == 2
  assert again.restore_latest(state(0)).step == 5


def test_the_best_is_the_smallest_where_less_is_better(opened):
  checkpoints = opened(mode="min")
  scores = [0.9, 0.1, 0.3, float("nan"), 0.2]
  for step, score in enumerate(scores, start=1):
    checkpoints.save(state(step), {"score": score})
  checkpoints.wait()
  again = opened(mode="min")
  assert (again.best_step(), again.best_score) == (2, -0.1)
  assert again.restore("best", state(0)).step == 2


def test_an_unmeasured_checkpoint_is_never_the_best(opened):
  checkpoints = opened()
  checkpoints.save(state(1), {"score": 0.1})
  checkpoints.save(state(2), {})
  checkpoints.wait()
  assert checkpoints.best_step() == 1
  assert checkpoints.restore_latest(state(0)).step == 2


def test_any_measured_step_comes_back(opened):
  checkpoints = opened(keep_last=3)
  for step, metrics in ((1, {"score": 0.9}), (2, {}), (3, {"score": 0.4})):
    checkpoints.save(state(step), metrics)
  assert checkpoints.metrics() == {1: {"score": 0.9}, 2: {}, 3: {"score": 0.4}}
  restored = checkpoints.restore(3, state(0))
  chex.assert_trees_all_equal(restored, jax.device_get(state(3)))
  best = checkpoints.restore("best", state(0))
  chex.assert_trees_all_equal(best, jax.device_get(state(1)))
  assert checkpoints.restore("last", state(0)).step == 3
  with pytest.raises(ValueError, match=r"step 4 in .*'last' or one of 1, 2, 3"):
    checkpoints.restore(4, state(0))


def test_without_checkpoints(opened):
  assert opened().restore_latest(state(0)) is None
  for which in ("best", "last"):
    with pytest.raises(ValueError, match="no checkpoint in"):
      opened().restore(which, state(0))
  with pytest.raises(ValueError, match=r"step 1 in .* 'last' or one of none"):
    opened().restore(1, state(0))


@pytest.fixture
def aborted_reads():
  """Collects what a failed read leaves behind in its own test."""
  yield
  gc.collect()


def damaging(test):
  """Marks a test in which Orbax drops the readers of a damaged checkpoint."""
  return pytest.mark.usefixtures("aborted_reads")(
    pytest.mark.filterwarnings(
      "ignore::pytest.PytestUnraisableExceptionWarning"
    )(test)
  )


def _files(folder):
  return [
    os.path.join(at, f) for at, _, names in os.walk(folder) for f in names
  ]


@damaging
@pytest.mark.parametrize("damage", ["half of each file", "no files"])
def test_a_damaged_newest_falls_back_to_the_one_before(
  opened, tmp_path, caplog, damage
):
  checkpoints = opened()
  for step in (1, 2):
    checkpoints.save(state(step), {"score": 0.5})
  checkpoints.wait()
  newest = tmp_path / "checkpoints" / "2"
  if damage == "no files":
    shutil.rmtree(newest / "default")
  else:
    for path in _files(newest):
      os.truncate(path, os.path.getsize(path) // 2)

  again = opened()
  assert again.restore_latest(state(0)).step == 1
  message = caplog.text
  assert f"{newest} cannot be read" in message
  assert "Checkpoints left: steps 1." in message
  # The damaged one is out of the way, not lost, and its step can be written.
  assert (tmp_path / "unreadable_checkpoint_2").exists()
  again.save(state(2), {"score": 0.6})
  again.wait()
  assert opened().restore_latest(state(0)).step == 2


@damaging
@pytest.mark.parametrize("file", range(11))
def test_any_one_truncated_file_is_noticed(opened, tmp_path, file):
  checkpoints = opened()
  for step in (1, 2):
    checkpoints.save(state(step), {"score": 0.5})
  checkpoints.wait()
  files = sorted(
    f for f in _files(tmp_path / "checkpoints" / "2") if os.path.getsize(f) > 0
  )
  victim = files[file % len(files)]
  os.truncate(victim, os.path.getsize(victim) // 2)
  restored = opened().restore_latest(state(0))
  # A note of the writer may be lost without harm; numbers may not.
  expected = jax.device_get(state(int(restored.step)))
  chex.assert_trees_all_equal(restored, expected)


@damaging
def test_no_file_of_a_checkpoint_is_unpickled(opened, tmp_path):
  sprung, saved = tmp_path / "sprung", tmp_path / "saved"
  checkpoints = opened()
  checkpoints.save(state(1), {"score": 0.5})
  checkpoints.wait()
  shutil.copytree(tmp_path / "checkpoints", saved)
  for file in filter(pathlib.Path.is_file, saved.rglob("*")):
    shutil.rmtree(tmp_path / "checkpoints")
    shutil.copytree(saved, tmp_path / "checkpoints")
    path = tmp_path / "checkpoints" / file.relative_to(saved)
    path.write_bytes(pickle.dumps(Trap(sprung)))
    opened().restore_latest(state(0))
    assert not sprung.exists(), file
    shutil.rmtree(tmp_path / "unreadable_checkpoint_1", ignore_errors=True)


@damaging
@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("part", ["default", "metrics"])
def test_a_damaged_best_falls_back_to_the_next_best(
  opened, tmp_path, caplog, part, read_only
):
  checkpoints = opened()
  for step, score in ((1, 0.9), (2, 0.3), (3, 0.5)):
    checkpoints.save(state(step), {"score": score})
  checkpoints.wait()
  best = tmp_path / "checkpoints" / "1"
  for path in _files(best / part):
    os.truncate(path, os.path.getsize(path) // 2)

  again = opened(read_only=read_only)
  restored = again.restore("best", state(0))
  chex.assert_trees_all_equal(restored, jax.device_get(state(3)))
  assert f"{best} cannot be read" in caplog.text
  assert f"moved to {tmp_path}/unreadable_checkpoint_1." in caplog.text
  assert (tmp_path / "unreadable_checkpoint_1").exists()


@damaging
def test_of_a_run_whose_only_checkpoint_is_damaged_nothing_is_read(
  opened, tmp_path
):
  for number in ("", "_2"):  # its place may be taken by an earlier one
    checkpoints = opened()
    checkpoints.save(state(1), {"score": 0.9})
    checkpoints.wait()
    shutil.rmtree(tmp_path / "checkpoints" / "1" / "default")
    with pytest.raises(ValueError, match="no checkpoint in"):
      opened(read_only=True).restore("best", state(0))
    assert (tmp_path / f"unreadable_checkpoint_1{number}").exists()


def test_reading_leaves_alone_what_is_being_written(opened, tmp_path):
  checkpoints = opened()
  checkpoints.save(state(1), {"score": 0.9})
  checkpoints.wait()
  unfinished = tmp_path / "checkpoints" / "2.orbax-checkpoint-tmp"
  unfinished.mkdir()
  assert opened(read_only=True).restore("best", state(0)).step == 1
  assert unfinished.exists()
  assert opened().restore("best", state(0)).step == 1
  assert not unfinished.exists()


@damaging
@pytest.mark.parametrize("instead", ["nothing", "a file"])
def test_a_folder_that_is_gone_is_named(opened, tmp_path, instead):
  checkpoints = opened()
  checkpoints.save(state(1), {"score": 0.5})
  checkpoints.wait()
  shutil.rmtree(tmp_path / "checkpoints")
  if instead == "a file":
    (tmp_path / "checkpoints").write_text("")
  with pytest.raises(
    ValueError, match=f"cannot be written to {tmp_path}/checkpoints .*gone"
  ):
    checkpoints.save(state(2), {"score": 0.5})


@damaging
@pytest.mark.parametrize("by", ["save", "wait", "close"])
def test_what_fails_in_the_background_is_told_by_the_next_call(opened, by):
  """A full disk does; here a file may not be as large as it has to be."""
  checkpoints = opened()
  large = state(1, shape=(2000, 2000))
  noise = jax.random.normal(jax.random.key(0), (2000, 2000))  # not compressible
  large.params["layer"]["kernel"] = noise
  later = {"save": (state(2), {})}.get(by, ())
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (2**22, before[1]))
  try:
    checkpoints.save(large, {"score": 0.5})
    with pytest.raises(ValueError, match="cannot be written to"):
      getattr(checkpoints, by)(*later)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@damaging
def test_a_damaged_step_that_is_asked_for_is_named(opened, tmp_path):
  checkpoints = opened()
  checkpoints.save(state(1), {"score": 0.5})
  checkpoints.wait()
  shutil.rmtree(tmp_path / "checkpoints" / "1" / "default")
  with pytest.raises(ValueError, match="checkpoints/1 cannot be read"):
    opened().restore(1, state(0))


def test_a_checkpoint_of_another_model_is_refused(opened, tmp_path):
  checkpoints = opened()
  checkpoints.save(state(1), {"score": 0.5})
  checkpoints.wait()
  with pytest.raises(
    ValueError,
    match=r"kernel is of shape \(3, 4\) there and of shape \(3, 5\) here",
  ):
    opened().restore_latest(state(0, shape=(3, 5)))
  assert (tmp_path / "checkpoints" / "1").exists()


@pytest.mark.parametrize(
  ("change", "difference"),
  [
    ({"model_state": {"norm": {}}}, "model_state is empty there and missing"),
    ({"opt_state": ()}, "opt_state is missing there and empty here"),
    ({"opt_state": [OPTIMIZER.init({}), None]}, r"opt_state\[0\]"),
    ({"average": {"kernel": jnp.zeros(3)}}, "average is empty there"),
  ],
)
def test_a_checkpoint_of_another_structure_is_refused(
  opened, tmp_path, change, difference
):
  checkpoints = opened()
  checkpoints.save(state(1), {"score": 0.5})
  checkpoints.wait()
  with pytest.raises(ValueError, match=f"another model or .*{difference}"):
    opened().restore_latest(state(0)._replace(**change))
  assert (tmp_path / "checkpoints" / "1").exists()


def test_empty_nodes_of_any_kind_are_the_same_to_a_checkpoint(opened):
  checkpoints = opened()
  checkpoints.save(state(1), {"score": 0.5})
  checkpoints.wait()
  template = state(0)._replace(average=())
  assert opened().restore_latest(template).step == 1


def test_parameters_that_are_not_finite_are_not_saved(opened):
  checkpoints = opened()
  checkpoints.save(state(1), {"score": 0.5})
  bad = state(2)
  bad.params["layer"]["kernel"] = jnp.full((3, 4), jnp.nan)
  with pytest.raises(FloatingPointError, match="not finite after step 2"):
    checkpoints.save(bad, {"score": 0.9})
  checkpoints.wait()
  assert opened().restore_latest(state(0)).step == 1


def test_the_writer_does_not_see_memory_that_was_given_away(opened):
  # Steps donate their state; the background thread may still be reading.
  spoil = jax.jit(lambda s: jax.tree.map(lambda x: x * 0, s), donate_argnums=0)
  checkpoints = opened()
  large = jax.jit(lambda: state(3, shape=(1000, 1000)))()
  checkpoints.save(large, {"score": 0.5})
  spoil(large)
  checkpoints.wait()
  restored = opened().restore_latest(state(0, shape=(1000, 1000)))
  np.testing.assert_array_equal(restored.params["layer"]["kernel"], 3.0)
